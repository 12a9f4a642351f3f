//! `Cursor`: reads a piece of text from left to right.

use crate::charset::{Class, trim_start};
use crate::error::{ParseError, ParseErrorKind};
use crate::number::leading_number;

/// A position in a text. Never moves past the end.
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, rest: text }
    }

    /// Offset in bytes from the start of the text.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything from here on.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The text from offset `start` to here.
    #[inline]
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at()).unwrap_or_default()
    }

    /// Steps over `byte` and says whether it was there.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Steps over `text` and says whether it was there.
    #[inline]
    pub(crate) fn eat_all(&mut self, text: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes `count` bytes, or all that are left.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// Steps over white space and folds.
    #[inline]
    pub(crate) fn skip_space(&mut self) {
        self.rest = trim_start(self.rest);
    }

    /// Takes the longest run of bytes that are in `class`; it may be empty.
    #[inline]
    pub(crate) fn take_run(&mut self, class: Class) -> &'a [u8] {
        self.take(class.run_len(self.rest))
    }

    /// Takes a non-empty run of bytes that are in `class`.
    #[inline]
    pub(crate) fn expect_run(
        &mut self,
        class: Class,
        kind: ParseErrorKind,
    ) -> Result<&'a [u8], ParseError> {
        let taken = self.take_run(class);
        if taken.is_empty() {
            return Err(self.error(kind));
        }
        Ok(taken)
    }

    /// Takes the longest run of bytes that `class` accepts; it may be empty.
    #[inline]
    pub(crate) fn take_while(&mut self, class: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().position(|byte| !class(*byte));
        self.take(len.unwrap_or(self.rest.len()))
    }

    /// Takes a decimal number, of which more than 32 bits become `u32::MAX`; `None` when there is
    /// no digit.
    #[inline]
    pub(crate) fn take_number(&mut self) -> Option<u32> {
        let (number, rest) = leading_number(self.rest)?;
        self.rest = rest;
        Some(number)
    }

    /// Takes a quoted string with its quotes; the cursor stands on the opening one.
    pub(crate) fn take_quoted(&mut self) -> Result<&'a [u8], ParseError> {
        match quoted_len(self.rest) {
            Some(len) => Ok(self.take(len)),
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
        ParseError::new(kind, self.at())
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
