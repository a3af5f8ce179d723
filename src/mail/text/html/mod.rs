//! HTML → lines.
//!
//! The source is simplified first (see [`rewrite`]), which bounds what html2text has to do: it takes time quadratic in the
//! depth, memory of several hundred times its input, and it panics on absurd tables. What is still too big for it, and what it
//! refuses, goes through the plain stripping of mail-parser, and a note says so.

mod hidden;
mod link;
mod mark;
mod marks;
mod rewrite;
mod table;
mod tags;

use std::panic::catch_unwind;

use super::clean;
use super::line::Line;

/// html2text gets so many bytes at most: it takes memory of up to several hundred times as much.
const MAX_RENDERED_BYTES: usize = 1024 * 1024;
/// And so many elements at most: twenty thousand take it half a second.
const MAX_RENDERED_ELEMENTS: usize = 40_000;
/// Lines are never wrapped: the reader's window does that better.
const WIDTH: usize = 1_000_000;

/// The lines of a source, with where each stood.
pub(super) fn lines(source: &str, notes: &mut Vec<String>) -> Vec<Line> {
    let simple = rewrite::simplify(&clean::characters(source));
    if simple.flattened {
        notes.push(format!("html nested deeper than {} levels was flattened", rewrite::MAX_DEPTH));
    }
    let rendered = if simple.html.len() > MAX_RENDERED_BYTES || simple.elements > MAX_RENDERED_ELEMENTS {
        notes.push("html too big to lay out: its tags were stripped".to_owned());
        None
    } else {
        let rendered = render(&simple.html);
        if rendered.is_none() {
            notes.push("html could not be laid out: its tags were stripped".to_owned());
        }
        rendered
    };
    let rendered = rendered.unwrap_or_else(|| mail_parser::decoders::html::html_to_text(&simple.html));
    let mut lines = marks::lines(&rendered);
    for line in &mut lines {
        line.text = clean::characters(&line.text);
    }
    lines
}

/// The text of a source without its markup, in no layout: what words there are.
pub(super) fn words(source: &str) -> String {
    let text = tags::Tokens::new(source).filter_map(|token| match token {
        tags::Token::Text(text) => Some(text),
        tags::Token::Open(_) | tags::Token::Close(_) | tags::Token::Style(_) => None,
    });
    text.collect::<Vec<_>>().join(" ")
}

fn render(html: &str) -> Option<String> {
    let layout = html2text::config::plain_no_decorate().no_table_borders().allow_width_overflow().unicode_strikeout(false);
    catch_unwind(|| layout.string_from_read(html.as_bytes(), WIDTH)).ok()?.ok()
}
