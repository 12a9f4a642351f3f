//! `Patch`: a message with some spans changed and every other byte verbatim.
//!
//! Edits are collected in any order and applied in one pass of copying. New text lives in one
//! arena; up to [`INLINE_EDITS`] edits need no allocation of their own. Invariant: no two edits
//! overlap; of two that would, the first wins.

use smallvec::SmallVec;

use crate::message::{Header, Message, Span};

/// Edits that a patch holds without allocating.
pub const INLINE_EDITS: usize = 16;

/// A set of edits to a message.
#[derive(Debug)]
pub struct Patch<'m, 'a> {
    message: &'m Message<'a>,
    edits: SmallVec<[Edit; INLINE_EDITS]>,
    texts: Vec<u8>,
}

/// Replaces the bytes of a span by a range of the arena. An empty span inserts.
#[derive(Clone, Copy, Debug)]
struct Edit {
    span: Span,
    text_start: u32,
    text_end: u32,
}

impl<'m, 'a> Patch<'m, 'a> {
    /// A patch without edits: writing it copies the message.
    pub fn new(message: &'m Message<'a>) -> Self {
        Self {
            message,
            edits: SmallVec::new(),
            texts: Vec::new(),
        }
    }

    /// Puts `text` in the place of `span`.
    pub fn replace(&mut self, span: Span, text: impl AsRef<[u8]>) {
        self.replace_with(span, |out| out.extend_from_slice(text.as_ref()));
    }

    /// Puts what `write` appends in the place of `span`.
    pub fn replace_with(&mut self, span: Span, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.accepts(span) {
            debug_assert!(
                false,
                "edit {span:?} overlaps another or leaves the message"
            );
            return;
        }
        let text_start = self.texts.len() as u32;
        write(&mut self.texts);
        self.edits.push(Edit {
            span,
            text_start,
            text_end: self.texts.len() as u32,
        });
    }

    /// Leaves out the bytes of `span`.
    pub fn remove(&mut self, span: Span) {
        self.replace_with(span, |_| ());
    }

    /// Inserts `text` before the byte at offset `at`. Texts inserted at one place keep the order
    /// of the calls, and stand before what replaces the bytes from there on.
    pub fn insert(&mut self, at: u16, text: impl AsRef<[u8]>) {
        self.replace(Span { start: at, end: at }, text);
    }

    /// Inserts what `write` appends before the byte at offset `at`.
    pub fn insert_with(&mut self, at: u16, write: impl FnOnce(&mut Vec<u8>)) {
        self.replace_with(Span { start: at, end: at }, write);
    }

    /// Inserts the header field `name: value` before the byte at offset `at`, the start of
    /// another field or [`Message::head_end`].
    pub fn insert_header(&mut self, at: u16, name: &str, value: impl AsRef<[u8]>) {
        self.insert_with(at, |out| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_ref());
            out.extend_from_slice(b"\r\n");
        });
    }

    /// Leaves out a whole header field.
    pub fn remove_header(&mut self, header: &Header<'_>) {
        self.remove(header.line);
    }

    /// Puts `text` in the place of a header field's value.
    pub fn replace_value(&mut self, header: &Header<'_>, text: impl AsRef<[u8]>) {
        match self.message.span_of(header.value) {
            Some(span) => self.replace(span, text),
            None => debug_assert!(false, "header field of another message"),
        }
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Appends the patched message to `out`.
    pub fn write(mut self, out: &mut Vec<u8>) {
        // Stable, so that texts inserted at one place keep their order.
        self.edits
            .sort_by_key(|edit| (edit.span.start, edit.span.end));
        let bytes = self.message.bytes();
        out.reserve(bytes.len() + self.texts.len());
        let mut copied = 0;
        for edit in &self.edits {
            let (start, end) = (usize::from(edit.span.start), usize::from(edit.span.end));
            let text = edit.text_start as usize..edit.text_end as usize;
            out.extend_from_slice(bytes.get(copied..start).unwrap_or_default());
            out.extend_from_slice(self.texts.get(text).unwrap_or_default());
            copied = end;
        }
        out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    }

    fn accepts(&self, span: Span) -> bool {
        span.start <= span.end
            && usize::from(span.end) <= self.message.bytes().len()
            && !self.edits.iter().any(|edit| overlap(edit.span, span))
    }
}

/// Whether both claim a byte, or one inserts in the middle of the other.
fn overlap(a: Span, b: Span) -> bool {
    a.start < b.end && b.start < a.end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::name::Name;

    const TEXT: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: one\r\nVia: two\r\nX:\r\n\r\nbody";

    fn patched(edit: impl FnOnce(&Message<'_>, &mut Patch<'_, '_>)) -> String {
        let message = Message::parse(TEXT).unwrap();
        let mut patch = Patch::new(&message);
        edit(&message, &mut patch);
        let mut out = b">".to_vec();
        patch.write(&mut out);
        String::from_utf8(out.split_off(1)).unwrap()
    }

    fn original() -> String {
        String::from_utf8(TEXT.to_vec()).unwrap()
    }

    #[test]
    fn no_edit_no_change() {
        assert_eq!(patched(|_, _| ()), original());
    }

    #[test]
    fn edits_come_in_any_order() {
        let text = patched(|message, patch| {
            patch.insert_header(message.head_end(), "Y", "z");
            patch.remove_header(&message.headers_named(Name::Via).nth(1).unwrap());
            let uri = message.request().unwrap().uri;
            patch.replace(message.span_of(uri).unwrap(), "sip:c");
            patch.replace_value(&message.header_by_text(b"x").unwrap(), "full");
        });
        let expected = original()
            .replace("sip:a@b", "sip:c")
            .replace("Via: two\r\n", "")
            .replace("X:\r\n", "X:full\r\nY: z\r\n");
        assert_eq!(text, expected);
    }

    #[test]
    fn insertions_at_one_place_keep_their_order() {
        let text = patched(|message, patch| {
            let via = message.header(Name::Via).unwrap();
            patch.remove_header(&via);
            patch.insert(via.line.start, "A: 1\r\n");
            patch.insert(via.line.start, "B: 2\r\n");
            patch.insert(via.line.end, "C: 3\r\n");
        });
        assert_eq!(
            text,
            original().replace("Via: one\r\n", "A: 1\r\nB: 2\r\nC: 3\r\n")
        );
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "overlaps")]
    fn overlapping_edits_are_a_bug() {
        patched(|message, patch| {
            let via = message.header(Name::Via).unwrap();
            patch.remove_header(&via);
            patch.insert(via.line.start + 1, "x");
        });
    }
}
