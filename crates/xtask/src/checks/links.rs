//! Links from one page to another lead somewhere, headings included.

use crate::offence::Offence;
use crate::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    tree.markdown()
        .flat_map(|file| check_file(tree, file))
        .collect()
}

fn check_file(tree: &Tree, file: &File) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (at, line) in outside_code(&file.text) {
        for target in targets(line) {
            if let Err(wrong) = follow(tree, file, target) {
                let remedy = "mend the link, or what it leads to";
                offences.push(Offence::at(&file.path, at, wrong, remedy));
            }
        }
    }
    offences
}

/// Lines that are not inside a fenced block, with their numbers.
fn outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fence && !fenced).then_some((at + 1, line))
    })
}

/// What the inline links of a line lead to: `](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.match_indices("](").map(|(at, _)| at + 2);
    ends.filter_map(|start| line.get(start..)?.split(')').next())
}

fn follow(tree: &Tree, from: &File, target: &str) -> Result<(), String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => from.path.clone(),
        path => resolve(&from.path, path),
    };
    if !tree.has(&path) {
        return Err(format!("a link to `{path}`, which does not exist"));
    }
    let page = tree.file(&path);
    match page {
        Some(page) if !heading.is_empty() && !has_heading(&page.text, heading) => Err(format!(
            "a link to `{path}#{heading}`, which has no such heading"
        )),
        _ => Ok(()),
    }
}

/// A path relative to the folder of another, from the root.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn has_heading(text: &str, wanted: &str) -> bool {
    outside_code(text)
        .filter(|(_, line)| line.starts_with('#'))
        .any(|(_, line)| slug(line.trim_start_matches('#').trim()) == wanted)
}

/// A heading as web pages address it.
fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn links_lead_somewhere() {
        assert_clean(check);
    }

    #[test]
    fn dead_links_are_found() {
        let page = "# A heading, \"quoted\"\n[a](b.md) [b](../c.md#here)\n[c](#a-heading-quoted)\n\
                    [d](gone.md)\n[e](b.md#gone)\n[f](https://example.org/x)\n```\n[g](gone.md)\n```\n";
        let files = [
            ("docs/a.md", page),
            ("docs/b.md", ""),
            ("c.md", "## Here\n"),
        ];
        assert_eq!(places(check, &files), ["docs/a.md:4", "docs/a.md:5"]);
    }
}
