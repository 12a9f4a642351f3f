//! Functions that fit on a screen: at most 70 lines, flat matches aside.

use crate::offence::Offence;
use crate::source;
use crate::tree::{File, Tree};

const LIMIT: usize = 70;

/// Longer ones, each with its reason. The list only gets shorter.
const EXEMPT: &[(&str, &str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    tree.rust().flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Offence> {
    let mut offences = Vec::new();
    let mut open: Option<Opened> = None;
    for line in source::product(file) {
        let indent = line.code.len() - line.code.trim_start().len();
        match &open {
            None => {
                open = function_name(line.code).map(|name| Opened {
                    name: name.to_owned(),
                    line: line.number,
                    indent,
                });
            }
            // Formatted code closes a function at the indent it was opened at.
            Some(function) if indent == function.indent && ends(line.code) => {
                let length = line.number + 1 - function.line;
                if length > LIMIT && !is_exempt(&file.path, &function.name) {
                    offences.push(Offence::at(
                        &file.path,
                        function.line,
                        format!(
                            "`{}` has {length} lines; the limit is {LIMIT}",
                            function.name
                        ),
                        "give its steps names of their own",
                    ));
                }
                open = None;
            }
            Some(_) => {}
        }
    }
    offences
}

struct Opened {
    name: String,
    line: usize,
    indent: usize,
}

fn is_exempt(path: &str, name: &str) -> bool {
    EXEMPT
        .iter()
        .any(|(file, function, _)| *file == path && *function == name)
}

/// The name of a function that begins here and does not end on the same line.
fn function_name(code: &str) -> Option<&str> {
    let head = code.trim_start();
    let words = [
        "pub(crate) ",
        "pub(super) ",
        "pub ",
        "const ",
        "unsafe ",
        "async ",
        "extern \"C\" ",
    ];
    let mut rest = head;
    while let Some(shorter) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter;
    }
    let name = rest.strip_prefix("fn ")?;
    if code.trim_end().ends_with(['}', ';']) {
        return None;
    }
    name.split(['(', '<']).next()
}

fn ends(code: &str) -> bool {
    let code = code.trim();
    code == "}" || code.ends_with(';')
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn functions_are_short_enough() {
        assert_clean(check);
    }

    #[test]
    fn a_long_function_is_found() {
        let body = "    a();\n".repeat(LIMIT);
        let text =
            format!("fn short() {{\n}}\n\npub(crate) fn long<T>(\n    a: u8,\n) {{\n{body}}}\n");
        let files = [("crates/sip/src/a.rs", text.as_str())];
        assert_eq!(places(check, &files), ["crates/sip/src/a.rs:4"]);
    }
}
