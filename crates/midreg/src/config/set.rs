//! `Override`: a value from the command line, laid over the file.
//!
//! `--set KEY=VALUE` reaches every key: KEY is the dotted path, with a number for an element of a
//! list (`listen.0.side`). VALUE is TOML; what is not TOML is taken as a bare text, so that
//! `--set mode=mirror` needs no quotes around the quotes. The other options are short forms.

use std::sync::Arc;

use super::error::{Fault, Faults, Source, Spot};
use super::raw::{Document, Entry, Node, Table, Value, parse_value};

/// One argument of the command line that sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Override {
    /// `--set KEY=VALUE`.
    Set(String),
    /// `--mode M`.
    Mode(String),
    /// All `--listen URL`: they replace the listeners of the file.
    Listen(Vec<String>),
    /// All `--upstream URI`: they replace the servers of the file.
    Upstream(Vec<String>),
    /// `--workers N`.
    Workers(String),
}

impl Override {
    /// Lays this value over `document`.
    pub fn apply(&self, document: &mut Document, faults: &mut Faults) {
        let placed = match self {
            Self::Set(argument) => set(document, argument),
            Self::Mode(text) => place_at(document, &["mode"], string_node(&source("--mode", text))),
            Self::Workers(text) => {
                let source = source("--workers", text);
                let node = parse_value(&source, 0).unwrap_or_else(|_| string_node(&source));
                place_at(document, &["workers"], node)
            }
            Self::Listen(urls) => {
                let tables = urls
                    .iter()
                    .map(|url| listen_node(&source("--listen", url)))
                    .collect();
                place_list(document, &["listen"], tables)
            }
            Self::Upstream(uris) => {
                let items = uris
                    .iter()
                    .map(|uri| string_node(&source("--upstream", uri)));
                place_list(document, &["upstream", "servers"], items.collect())
            }
        };
        if let Err(fault) = placed {
            faults.push(fault);
        }
    }
}

fn set(document: &mut Document, argument: &str) -> Result<(), Fault> {
    let source = source("--set", argument);
    let whole = Spot {
        source: Arc::clone(&source),
        span: 0..argument.len(),
    };
    let Some((key, value)) = argument.split_once('=') else {
        return Err(Fault::error(&whole, "KEY=VALUE is wanted").label("no `=` in it"));
    };
    let at = key.len() + 1;
    let path: Vec<&str> = key.trim().split('.').collect();
    if let Some(bad) = path.iter().find(|part| !is_bare_key(part)) {
        let spot = Spot {
            source,
            span: 0..key.len(),
        };
        return Err(Fault::error(&spot, format!("`{bad}` is not a key")));
    }
    let node = match parse_value(&source, at) {
        Ok(node) => node,
        Err(fault) if value.trim_start().starts_with(['[', '{', '"', '\'']) => return Err(fault),
        Err(_) => bare_text(&source, at),
    };
    let key_spot = Spot {
        source,
        span: 0..key.len(),
    };
    Placement { key_spot, node }.into_table(&mut document.root, &path)
}

fn is_bare_key(part: &str) -> bool {
    !part.is_empty()
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn source(option: &str, text: &str) -> Arc<Source> {
    Arc::new(Source {
        name: option.to_owned(),
        text: text.to_owned(),
    })
}

fn string_node(source: &Arc<Source>) -> Node {
    bare_text(source, 0)
}

fn bare_text(source: &Arc<Source>, at: usize) -> Node {
    let text = source.text.get(at..).unwrap_or_default().trim().to_owned();
    let spot = Spot {
        source: Arc::clone(source),
        span: at..source.text.len(),
    };
    Node {
        value: Value::String(text),
        spot,
    }
}

fn listen_node(source: &Arc<Source>) -> Node {
    let bind = string_node(source);
    let spot = bind.spot.clone();
    let entry = Entry {
        key: "bind".to_owned(),
        key_spot: spot.clone(),
        node: bind,
    };
    Node {
        value: Value::Table(Table {
            entries: vec![entry],
        }),
        spot,
    }
}

fn place_list(document: &mut Document, path: &[&str], items: Vec<Node>) -> Result<(), Fault> {
    let Some(spot) = items.first().map(|item| item.spot.clone()) else {
        return Ok(());
    };
    place_at(
        document,
        path,
        Node {
            value: Value::Array(items),
            spot,
        },
    )
}

fn place_at(document: &mut Document, path: &[&str], node: Node) -> Result<(), Fault> {
    Placement {
        key_spot: node.spot.clone(),
        node,
    }
    .into_table(&mut document.root, path)
}

/// A value on its way down the tree.
struct Placement {
    /// Where its path stands: the place of every key that is made on the way.
    key_spot: Spot,
    node: Node,
}

impl Placement {
    fn into_table(self, table: &mut Table, path: &[&str]) -> Result<(), Fault> {
        let [key, rest @ ..] = path else {
            return Ok(());
        };
        if table.entry(key).is_none() {
            let value = match rest.first() {
                Some(next) if next.parse::<usize>().is_ok() => Value::Array(Vec::new()),
                _ => Value::Table(Table::default()),
            };
            let node = Node {
                value,
                spot: self.key_spot.clone(),
            };
            let key_spot = self.key_spot.clone();
            table.entries.push(Entry {
                key: (*key).to_owned(),
                key_spot,
                node,
            });
        }
        match table.entry_mut(key) {
            Some(entry) => self.below(&mut entry.node, key, rest),
            None => Ok(()),
        }
    }

    fn below(self, target: &mut Node, name: &str, rest: &[&str]) -> Result<(), Fault> {
        let [key, deeper @ ..] = rest else {
            *target = self.node;
            return Ok(());
        };
        match &mut target.value {
            Value::Table(table) => self.into_table(table, rest),
            Value::Array(items) => {
                let length = items.len();
                if key.parse() == Ok(length) {
                    let value = Value::Table(Table::default());
                    items.push(Node {
                        value,
                        spot: self.key_spot.clone(),
                    });
                }
                match key
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get_mut(index))
                {
                    Some(item) => self.below(item, key, deeper),
                    None => {
                        let message = format!("`{name}` has no element `{key}`");
                        let help = format!("it has {length}; {length} would add one");
                        Err(Fault::error(&self.key_spot, message).help(help))
                    }
                }
            }
            other => {
                let message = format!("`{name}` is {}, so it has no `{key}`", other.kind());
                Err(Fault::error(&self.key_spot, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(file: &str, overrides: &[Override]) -> (Document, Vec<String>) {
        let mut faults = Faults::default();
        let mut document = Document::parse("f", file.to_owned(), &mut faults);
        for item in overrides {
            item.apply(&mut document, &mut faults);
        }
        (document, faults.iter().map(Fault::line).collect())
    }

    fn set(argument: &str) -> Override {
        Override::Set(argument.to_owned())
    }

    fn text_at(document: &Document, path: &[&str]) -> String {
        let mut table = &document.root;
        for (depth, key) in path.iter().enumerate() {
            match &table.entry(key).expect("present").node.value {
                Value::Table(inner) => table = inner,
                value if depth + 1 == path.len() => return format!("{value:?}"),
                value => panic!("{key} is {value:?}"),
            }
        }
        panic!("{path:?} is a table")
    }

    #[test]
    fn a_set_replaces_what_the_file_says_and_makes_tables_on_the_way() {
        let arguments = [set("log.level=debug"), set("registration.min_expires=1")];
        let (document, faults) = apply("[log]\nlevel = \"warn\"\n", &arguments);
        assert_eq!(faults, [""; 0]);
        assert_eq!(text_at(&document, &["log", "level"]), "String(\"debug\")");
        assert_eq!(
            text_at(&document, &["registration", "min_expires"]),
            "Integer(1)"
        );
    }

    #[test]
    fn the_last_set_wins() {
        let (document, _) = apply("", &[set("workers=2"), set("workers=3")]);
        assert_eq!(text_at(&document, &["workers"]), "Integer(3)");
    }

    #[test]
    fn a_value_may_itself_hold_an_equals_sign() {
        let (document, faults) = apply("", &[set("server_header=a=b")]);
        assert_eq!(faults, [""; 0]);
        assert_eq!(text_at(&document, &["server_header"]), "String(\"a=b\")");
    }

    #[test]
    fn listeners_are_reached_by_number() {
        let file = "[[listen]]\nbind = \"udp://127.0.0.1:5060\"\n";
        let arguments = [
            set("listen.0.side=devices"),
            set("listen.1.bind=udp://127.0.0.1:5062"),
        ];
        let (document, faults) = apply(file, &arguments);
        assert_eq!(faults, [""; 0]);
        let Value::Array(items) = &document.root.entry("listen").expect("present").node.value
        else {
            panic!("not a list")
        };
        assert_eq!(items.len(), 2);
        let (_, faults) = apply(file, &[set("listen.7.side=both")]);
        assert_eq!(
            faults,
            [
                "--set:1:1: error: `listen` has no element `7` [listen.7.side]; it has 1; 1 would add one"
            ]
        );
    }

    #[test]
    fn what_cannot_be_placed_is_told_with_its_place() {
        for (argument, wanted) in [
            (
                "workers",
                "--set:1:1: error: KEY=VALUE is wanted [workers] (no `=` in it)",
            ),
            ("a b=1", "--set:1:1: error: `a b` is not a key [a b]"),
            (".x=1", "--set:1:1: error: `` is not a key [.x]"),
            (
                "mode.x=1",
                "--set:1:1: error: `mode` is a text, so it has no `x` [mode.x]",
            ),
        ] {
            let (_, faults) = apply("mode = \"contact\"\n", &[set(argument)]);
            assert_eq!(faults, [wanted], "{argument}");
        }
        let (_, faults) = apply("", &[set("upstream.servers=[\"a\"")]);
        assert!(faults[0].starts_with("--set:1:"), "{faults:?}");
        assert!(faults[0].contains("not valid TOML"), "{faults:?}");
    }

    #[test]
    fn short_forms_replace_lists_as_a_whole() {
        let file = "[[listen]]\nbind = \"udp://1.2.3.4:1\"\n[upstream]\nservers = [\"sip:a\"]\n";
        let short = [
            Override::Listen(vec![
                "udp://127.0.0.1:1".to_owned(),
                "udp://127.0.0.1:2".to_owned(),
            ]),
            Override::Upstream(vec!["sip:b".to_owned()]),
            Override::Workers("3".to_owned()),
            Override::Mode("mirror".to_owned()),
        ];
        let (document, faults) = apply(file, &short);
        assert_eq!(faults, [""; 0]);
        assert_eq!(text_at(&document, &["workers"]), "Integer(3)");
        assert_eq!(text_at(&document, &["mode"]), "String(\"mirror\")");
        assert!(text_at(&document, &["upstream", "servers"]).contains("sip:b"));
        assert!(!text_at(&document, &["listen"]).contains("1.2.3.4"));
    }
}
