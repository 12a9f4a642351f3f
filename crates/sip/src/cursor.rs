//! `Cursor`: reads a piece of text from left to right.

use crate::charset::is_space;
use crate::error::{ParseError, ParseErrorKind};

/// A position in a text. Never moves past the end.
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Offset in bytes from the start of the text.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Everything from here on.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The text from offset `start` to here.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Steps over `byte` and says whether it was there.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps `count` bytes ahead.
    pub(crate) fn advance(&mut self, count: usize) {
        self.at = self.text.len().min(self.at + count);
    }

    /// Steps over white space and folds.
    pub(crate) fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Takes the longest run of bytes that are in `class`; it may be empty.
    #[inline]
    pub(crate) fn take_while(&mut self, class: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().take_while(|byte| class(**byte)).count();
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Takes a non-empty run of bytes that are in `class`.
    pub(crate) fn take_some(
        &mut self,
        class: impl Fn(u8) -> bool,
        kind: ParseErrorKind,
    ) -> Result<&'a [u8], ParseError> {
        let taken = self.take_while(class);
        if taken.is_empty() {
            return Err(self.error(kind));
        }
        Ok(taken)
    }

    /// Takes a quoted string with its quotes; the cursor stands on the opening one.
    pub(crate) fn take_quoted(&mut self) -> Result<&'a [u8], ParseError> {
        let start = self.at;
        match quoted_len(self.rest()) {
            Some(len) => {
                self.advance(len);
                Ok(self.since(start))
            }
            None => Err(self.error(ParseErrorKind::UnbalancedQuotes)),
        }
    }

    /// Steps over `byte` with white space allowed on both sides.
    pub(crate) fn expect_spaced(
        &mut self,
        byte: u8,
        kind: ParseErrorKind,
    ) -> Result<(), ParseError> {
        self.skip_space();
        if !self.eat(byte) {
            return Err(self.error(kind));
        }
        self.skip_space();
        Ok(())
    }

    /// Only white space may be left.
    pub(crate) fn expect_end(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        if self.is_at_end() {
            return Ok(());
        }
        Err(self.error(ParseErrorKind::TrailingText))
    }

    pub(crate) fn error(&self, kind: ParseErrorKind) -> ParseError {
        ParseError::new(kind, self.at)
    }
}

/// Length of the quoted string that `text` begins with, both quotes included; `None` when it
/// does not end.
pub(crate) fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        at += found + 1;
        if text.get(at - 1) == Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}
