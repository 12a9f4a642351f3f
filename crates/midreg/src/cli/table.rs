//! `Table`: columns for people.

/// Columns with a heading. Widths follow from what is in them.
#[derive(Debug)]
pub(super) struct Table {
    heads: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// The heading of a column, and how it is set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Text.
    Left(&'static str),
    /// Figures.
    Right(&'static str),
}

impl Table {
    /// A table without rows.
    pub(super) fn new(heads: &[Column]) -> Self {
        Self {
            heads: heads.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| printable(&cell)).to_vec());
    }

    /// Its lines, the heading first.
    pub(super) fn text(&self) -> String {
        let heads: Vec<String> = self
            .heads
            .iter()
            .map(|head| head.name().to_owned())
            .collect();
        let lines = || std::iter::once(&heads).chain(&self.rows);
        let width = |at: usize| {
            let cells = lines().filter_map(|line| line.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let mut text = String::new();
        for line in lines() {
            let cells = line.iter().zip(&self.heads).zip(&widths);
            let cells: Vec<String> = cells
                .map(|((cell, head), width)| head.set(cell, *width))
                .collect();
            text += cells.join("  ").trim_end();
            text.push('\n');
        }
        text
    }
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Left(name) | Self::Right(name) => name,
        }
    }

    fn set(self, cell: &str, width: usize) -> String {
        match self {
            Self::Left(_) => format!("{cell:<width$}"),
            Self::Right(_) => format!("{cell:>width$}"),
        }
    }
}

/// A text that comes from a phone, without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[
            Column::Left("AOR"),
            Column::Right("LEFT"),
            Column::Left("ID"),
        ]);
        table.row(["alice@example.org".into(), "5 s".into(), "1-0-a".into()]);
        table.row(["bøb".into(), "120 s".into(), String::new()]);
        assert_eq!(
            table.text(),
            "AOR                 LEFT  ID\n\
             alice@example.org    5 s  1-0-a\n\
             bøb                120 s\n"
        );
    }

    #[test]
    fn a_terminal_obeys_no_phone() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
