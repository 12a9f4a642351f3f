//! Keeps secrets out of what is shown: a text the operator wrote, with its passwords blotted out.
//!
//! Works on the text alone, so that a line which is no TOML, or a mistyped key, gives nothing away
//! either. It rather covers too much than too little.

/// Quotes of texts that may go on over several lines.
const LONG_QUOTES: [&str; 2] = ["\"\"\"", "'''"];

/// `text` with an asterisk for every byte of a secret. Lengths and ends of lines stay as they are,
/// so that places in the one are places in the other.
#[must_use]
pub(crate) fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut quote = None;
    for line in text.split_inclusive('\n') {
        let secret_from = match quote {
            Some(_) => Some(0),
            None => secret_start(line),
        };
        let Some(start) = secret_from else {
            shown.push_str(line);
            continue;
        };
        let (open, secret) = line.split_at(start);
        shown.push_str(open);
        shown.extend(secret.chars().map(blot));
        quote = still_open(quote, secret);
    }
    shown
}

/// A text whose lines are fields with colons between, with everything behind the second blotted out,
/// or behind the first where there is no second: `name:realm:hash` keeps name and realm.
#[must_use]
pub(crate) fn masked_fields(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let colons = line.match_indices(':').take(2);
        let start = colons.last().map_or(0, |(at, _)| at + 1);
        let (open, secret) = line.split_at(start);
        shown.push_str(open);
        shown.extend(secret.chars().map(blot));
    }
    shown
}

/// Where the secret of a line begins: behind the `=` of the first key that names one.
fn secret_start(line: &str) -> Option<usize> {
    let mut equals = line.match_indices('=');
    equals
        .find(|(at, _)| is_secret(key_before(&line[..*at])))
        .map(|(at, _)| at + 1)
}

/// The last part of the key that `text` ends with.
fn key_before(text: &str) -> &str {
    let text = text.trim_end().trim_end_matches(['"', '\'']);
    let foreign = |c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '\\');
    text.rsplit(foreign).next().unwrap_or_default()
}

/// Whether the value of a key is secret, or may well be because the key is mistyped. A whole list
/// of users on one line is secret too: who writes it wrongly writes passwords in it.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pas", "word", "ha1"].iter().any(|part| key.contains(part))
        || matches!(key.as_str(), "users" | "credentials")
}

/// The quotes that wait for their end after `secret`.
fn still_open(quote: Option<&'static str>, secret: &str) -> Option<&'static str> {
    let opened = |quote: &&&str| secret.trim_start().starts_with(**quote);
    match quote {
        Some(quote) => (!secret.contains(quote)).then_some(quote),
        None => LONG_QUOTES
            .iter()
            .find(opened)
            .copied()
            .filter(|quote| secret.matches(quote).count() == 1),
    }
}

fn blot(c: char) -> String {
    match c {
        '\n' | '\r' => c.to_string(),
        _ => "*".repeat(c.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lose_the_third_and_what_may_be_it() {
        for (text, wanted) in [
            ("a:r:x\r\nb:r:é:z", "a:r:*\r\nb:r:****"),
            ("a:x\nx\n\n", "a:*\n*\n\n"),
            ("", ""),
        ] {
            assert_eq!(masked_fields(text), wanted);
        }
    }

    #[test]
    fn secrets_are_covered_and_nothing_else() {
        for (text, wanted) in [
            ("mode = \"aor\"\n", "mode = \"aor\"\n"),
            (
                "password = \"x\"\nname = \"a\"\n",
                "password =****\nname = \"a\"\n",
            ),
            ("password=é", "password=**"),
            ("pasword = x\r\nb = 1", "pasword =**\r\nb = 1"),
            ("\"password\" = 1", "\"password\" =**"),
            (
                "{ name = \"a\", password = \"x\" }",
                "{ name = \"a\", password =******",
            ),
            ("digest.users.0.password=a=b", "digest.users.0.password=***"),
            ("ha1_md5 = 0", "ha1_md5 =**"),
            ("users = [1]", "users =****"),
            ("users_file = \"users\"", "users_file = \"users\""),
            ("secret_file = \"s\"", "secret_file = \"s\""),
            (
                "password = '''\nx\n'''\nmode = 1",
                "password =****\n*\n***\nmode = 1",
            ),
            (
                "password = '''x'''\nmode = 1",
                "password =********\nmode = 1",
            ),
            ("password = \"\"\"\nx", "password =****\n*"),
        ] {
            let shown = masked(text);
            assert_eq!(shown, wanted);
            assert_eq!(shown.len(), text.len(), "places move in {text:?}");
        }
    }
}
