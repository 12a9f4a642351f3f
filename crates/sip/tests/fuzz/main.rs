//! The fuzz targets, run for a bounded number of random inputs as part of the tests.
//!
//! Plain random bytes rarely get past a start line, so most inputs are torture messages and
//! pieces of them with some bytes changed. The same targets run under a coverage-guided fuzzer
//! from the `fuzz` directory.

mod targets;

use std::fs;
use std::path::Path;

const ITERATIONS: usize = 20_000;

/// A change to one place of a text.
#[derive(Clone, Copy, Debug, bolero::TypeGenerator)]
enum Mutation {
    Overwrite(u16, u8),
    Insert(u16, Special),
    Delete(u16, u8),
    Repeat(u16, u8),
}

/// Bytes that mean something somewhere in the grammar.
#[derive(Clone, Copy, Debug, bolero::TypeGenerator)]
enum Special {
    Byte(u8),
    LineBreak,
    Fold,
    Comma,
    Semicolon,
    Quote,
    Backslash,
    Open,
    Close,
    Colon,
    Equals,
    Percent,
}

impl Special {
    fn text(self) -> Vec<u8> {
        match self {
            Self::Byte(byte) => vec![byte],
            Self::LineBreak => b"\r\n".to_vec(),
            Self::Fold => b"\r\n ".to_vec(),
            Self::Comma => b",".to_vec(),
            Self::Semicolon => b";".to_vec(),
            Self::Quote => b"\"".to_vec(),
            Self::Backslash => b"\\".to_vec(),
            Self::Open => b"<".to_vec(),
            Self::Close => b">".to_vec(),
            Self::Colon => b":".to_vec(),
            Self::Equals => b"=".to_vec(),
            Self::Percent => b"%".to_vec(),
        }
    }
}

impl Mutation {
    fn apply(self, text: &mut Vec<u8>) {
        let (Self::Overwrite(at, _)
        | Self::Insert(at, _)
        | Self::Delete(at, _)
        | Self::Repeat(at, _)) = self;
        let at = usize::from(at) % (text.len() + 1);
        match self {
            Self::Overwrite(_, byte) => {
                if let Some(place) = text.get_mut(at) {
                    *place = byte;
                }
            }
            Self::Insert(_, special) => {
                text.splice(at..at, special.text());
            }
            Self::Delete(_, len) => {
                let end = text.len().min(at + usize::from(len));
                text.drain(at..end);
            }
            Self::Repeat(_, len) => {
                let end = text.len().min(at + usize::from(len));
                let piece = text[at..end].to_vec();
                text.splice(at..at, piece);
            }
        }
    }
}

fn torture_messages() -> Vec<Vec<u8>> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut paths: Vec<_> = ["rfc4475", "rfc5118"]
        .iter()
        .flat_map(|folder| fs::read_dir(base.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The values of all header fields and the Request-URIs of `messages`.
fn pieces(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    for message in messages
        .iter()
        .filter_map(|bytes| sip::Message::parse(bytes).ok())
    {
        pieces.extend(message.request().map(|line| line.uri.to_vec()));
        pieces.extend(message.headers().map(|header| header.value.to_vec()));
    }
    pieces
}

/// Runs `target` on `seeds`, on mutations of them and on random bytes.
fn run(seeds: Vec<Vec<u8>>, target: fn(&[u8])) {
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| target(seed));
    bolero::check!()
        .with_iterations(ITERATIONS)
        .with_type::<(u16, Vec<Mutation>)>()
        .for_each(|(seed, mutations)| {
            let mut text = seeds[usize::from(*seed) % seeds.len()].clone();
            for mutation in mutations.iter().take(24) {
                mutation.apply(&mut text);
            }
            target(&text);
        });
}

#[test]
fn message() {
    run(torture_messages(), targets::message);
}

#[test]
fn patch() {
    run(torture_messages(), targets::patch);
}

#[test]
fn uri() {
    run(pieces(&torture_messages()), targets::uri);
}

#[test]
fn uri_pair() {
    let pairs = pieces(&torture_messages())
        .into_iter()
        .map(|piece| piece.repeat(2))
        .collect();
    run(pairs, targets::uri_pair);
}

#[test]
fn headers() {
    run(pieces(&torture_messages()), targets::headers);
}

#[test]
fn peek() {
    run(torture_messages(), targets::peek);
}

#[test]
fn stream() {
    let messages = torture_messages();
    let joined = messages
        .iter()
        .zip(messages.iter().rev())
        .map(|(a, b)| [a.as_slice(), b].concat());
    run(joined.collect(), targets::stream);
}

#[test]
fn random_bytes() {
    bolero::check!()
        .with_iterations(ITERATIONS)
        .with_type::<Vec<u8>>()
        .for_each(|bytes| {
            targets::message(bytes);
            targets::patch(bytes);
            targets::uri(bytes);
            targets::uri_pair(bytes);
            targets::headers(bytes);
            targets::peek(bytes);
            targets::stream(bytes);
        });
}
