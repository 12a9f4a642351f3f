//! `Json`: a value to print for programs (RFC 8259). Writing only; nothing here reads JSON.

use std::fmt::{self, Display, Formatter, Write};

/// A JSON value; objects keep the order of their members.
#[derive(Clone, Debug)]
pub enum Json {
    /// No value, e.g. a figure that was not asked for.
    Null,
    /// A count.
    Int(u64),
    /// A measured figure, printed with three decimals.
    Float(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// An object with these members.
    pub fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Json {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) if value.is_finite() => write!(f, "{value:.3}"),
            Self::Float(_) => f.write_str("null"),
            Self::Text(text) => quoted(f, text),
            Self::List(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    separate(f, index)?;
                    item.fmt(f)?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (index, (name, value)) in members.iter().enumerate() {
                    separate(f, index)?;
                    quoted(f, name)?;
                    f.write_char(':')?;
                    value.fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

fn separate(f: &mut Formatter<'_>, index: usize) -> fmt::Result {
    if index == 0 {
        Ok(())
    } else {
        f.write_char(',')
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if (c as u32) < 0x20 => write!(f, "\\u{:04x}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind() {
        let value = Json::object([
            ("n", 3.into()),
            ("share", 1.25.into()),
            ("none", Json::Null),
            ("bad", f64::NAN.into()),
            ("list", Json::List(vec![1.into(), "a\"b\\c\n".into()])),
        ]);
        let text = r#"{"n":3,"share":1.250,"none":null,"bad":null,"list":[1,"a\"b\\c\u000a"]}"#;
        assert_eq!(value.to_string(), text);
    }
}
