//! `Params`: the `;name=value` parameters of a URI or of a header field (RFC 3261 §25.1).
//!
//! Both kinds share one reader: header parameters may have white space around `;` and `=`, URI
//! parameters never get that far because their URI was checked before.

use crate::charset::Class;
use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};

/// A run of parameters, beginning with a semicolon, or nothing.
///
/// Iterating skips empty parameters and ends at the first malformed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a [u8]);

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name; compare it without regard to case.
    pub name: &'a [u8],
    /// The value with its quotes, if there is one. `;a=` has an empty value, `;a` none.
    pub value: Option<&'a [u8]>,
}

impl<'a> Params<'a> {
    /// Parameters from their text, which is empty or begins with a semicolon (after white space).
    pub fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The text, semicolons included.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first parameter of that name, in any case: `None` when absent, `Some(None)` when it
    /// has no value. The value keeps its quotes.
    pub fn get(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.iter()
            .find(|param| param.is(name))
            .map(|param| param.value)
    }

    /// Whether a parameter of that name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The parameters in order.
    pub fn iter(&self) -> ParamIter<'a> {
        ParamIter {
            cursor: Cursor::new(self.0),
        }
    }
}

impl<'a> IntoIterator for Params<'a> {
    type Item = Param<'a>;
    type IntoIter = ParamIter<'a>;

    fn into_iter(self) -> ParamIter<'a> {
        self.iter()
    }
}

impl<'a> Param<'a> {
    /// Whether the parameter has that name, in any case.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value without its quotes; empty when there is none.
    pub fn unquoted(&self) -> &'a [u8] {
        unquote(self.value.unwrap_or_default())
    }
}

/// Iterator over [`Params`].
pub struct ParamIter<'a> {
    cursor: Cursor<'a>,
}

impl ParamIter<'_> {
    /// Where the last parameter ended, as an offset into the text.
    pub(crate) fn at(&self) -> usize {
        self.cursor.at()
    }
}

impl<'a> Iterator for ParamIter<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        loop {
            let param = read(&mut self.cursor).ok()??;
            if !param.name.is_empty() {
                return Some(param);
            }
        }
    }
}

/// `value` without the double quotes around it. Escapes inside stay as they are.
pub fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

/// Reads the parameters of a header field to the end of the text and shows each to `visit`.
///
/// # Errors
/// On anything that is not a parameter, an empty one included (RFC 4475 §3.1.2.1).
#[inline]
pub(crate) fn read_all<'a>(
    cursor: &mut Cursor<'a>,
    mut visit: impl FnMut(Param<'a>),
) -> Result<Params<'a>, ParseError> {
    let start = cursor.at();
    while let Some(param) = read(cursor)? {
        if param.name.is_empty() {
            return Err(cursor.error(ParseErrorKind::BadParam));
        }
        visit(param);
    }
    Ok(Params(cursor.since(start)))
}

/// Reads one parameter with the semicolon before it; an empty one has an empty name. `None` at
/// the end of the text.
#[inline]
fn read<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Param<'a>>, ParseError> {
    cursor.skip_space();
    if cursor.is_at_end() {
        return Ok(None);
    }
    if !cursor.eat(b';') {
        return Err(cursor.error(ParseErrorKind::BadParam));
    }
    cursor.skip_space();
    let name = cursor.take_run(Class::PARAM_NAME);
    cursor.skip_space();
    if !cursor.eat(b'=') {
        return Ok(Some(Param { name, value: None }));
    }
    if name.is_empty() {
        return Err(cursor.error(ParseErrorKind::BadParam));
    }
    cursor.skip_space();
    let value = if cursor.peek() == Some(b'"') {
        cursor.take_quoted()?
    } else {
        cursor.take_run(Class::PARAM_VALUE)
    };
    Ok(Some(Param {
        name,
        value: Some(value),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, Option<String>)> {
        let own = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Params::new(text.as_bytes())
            .iter()
            .map(|param| (own(param.name), param.value.map(own)))
            .collect()
    }

    fn pair(name: &str, value: Option<&str>) -> (String, Option<String>) {
        (name.to_owned(), value.map(str::to_owned))
    }

    #[test]
    fn values_may_be_absent_empty_or_quoted() {
        assert_eq!(
            pairs(r#";a;b=;c="x;\"y";d=[::1]"#),
            [
                pair("a", None),
                pair("b", Some("")),
                pair("c", Some(r#""x;\"y""#)),
                pair("d", Some("[::1]")),
            ]
        );
    }

    #[test]
    fn white_space_and_folds_are_allowed_around_the_signs() {
        assert_eq!(
            pairs(" ; newparam =\r\n newvalue ;\r\n  second ; q = 0.33 "),
            [
                pair("newparam", Some("newvalue")),
                pair("second", None),
                pair("q", Some("0.33")),
            ]
        );
    }

    #[test]
    fn lookup_ignores_case_and_takes_the_first() {
        let params = Params::new(b";Tag=1;TAG=2;lr");
        assert_eq!(params.get("tag"), Some(Some(&b"1"[..])));
        assert_eq!(params.get("LR"), Some(None));
        assert_eq!(params.get("l"), None);
    }

    #[test]
    fn reading_all_refuses_what_iterating_skips() {
        let read = |text: &'static str| read_all(&mut Cursor::new(text.as_bytes()), |_| ()).is_ok();
        assert!(read(";a;b=c"));
        assert!(read(""));
        for bad in [";", ";;a", ";a;", ";=b", "a", ";a=\"b", ";a b"] {
            assert!(!read(bad), "{bad}");
        }
    }

    #[test]
    fn unquoting_leaves_the_rest_alone() {
        assert_eq!(unquote(b"\"a\\\"b\""), b"a\\\"b");
        assert_eq!(unquote(b"\""), b"\"");
        assert_eq!(unquote(b"ab"), b"ab");
    }
}
