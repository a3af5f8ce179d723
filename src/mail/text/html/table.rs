//! Which tables hold data. Most tables of mails are layout: their cells are blocks, one below the other.

use std::collections::BTreeSet;

use super::tags::{Token, Tokens};

/// A cell with more text than so many characters belongs to a layout.
const MAX_CELL_CHARS: usize = 160;
/// Tables nest so deep at most; deeper ones are layout.
const MAX_DEPTH: usize = 32;

#[derive(Clone, Copy, Debug, Default)]
struct Table {
    place: usize,
    cells: usize,
    most_cells: usize,
    chars: usize,
    breaks: usize,
    layout: bool,
}

/// The places of the tables that hold data: at least two columns, short cells of one line, no table inside.
pub(super) fn data_tables(source: &str) -> BTreeSet<usize> {
    let mut open: Vec<Table> = Vec::new();
    let mut data = BTreeSet::new();
    for token in Tokens::new(source) {
        match token {
            Token::Open(tag) if tag.name == "table" => {
                open.iter_mut().for_each(|outer| outer.layout = true);
                if open.len() < MAX_DEPTH {
                    open.push(Table { place: tag.place, ..Table::default() });
                }
            }
            Token::Open(tag) => {
                if let Some(table) = open.last_mut() {
                    table.meet(&tag.name);
                }
            }
            Token::Text(text) => {
                if let Some(table) = open.last_mut() {
                    table.chars += text.trim().len();
                    table.layout |= table.chars > MAX_CELL_CHARS;
                }
            }
            Token::Close(name) if name == "table" => {
                if let Some(table) = open.pop()
                    && !table.layout
                    && table.most_cells.max(table.cells) >= 2
                {
                    data.insert(table.place);
                }
            }
            Token::Close(_) | Token::Style(_) => {}
        }
    }
    data
}

impl Table {
    fn meet(&mut self, name: &str) {
        match name {
            "tr" => {
                self.most_cells = self.most_cells.max(self.cells);
                self.cells = 0;
            }
            "td" | "th" => {
                self.cells += 1;
                (self.chars, self.breaks) = (0, 0);
            }
            "p" | "div" | "br" => {
                self.breaks += 1;
                self.layout |= self.breaks > 1;
            }
            "ul" | "ol" | "blockquote" | "pre" | "hr" | "img" => self.layout = true,
            _ => {}
        }
    }
}
