//! HTML as mail programs write it → the few elements that make lines, lists and quotes.
//!
//! Only what a reader may see comes through: no attribute, no style, nothing remote. Nesting is bounded, tables become lines,
//! links become text with their address behind it, and the containers of mail programs become marks in the text, which
//! survive the rendering (see [`super::marks`]). One pass, and the size of the result is linear in the source.

use std::collections::BTreeSet;

use super::hidden::{self, Hidden, Size};
use super::link;
use super::mark;
use super::marks;
use super::table;
use super::tags::{Tag, Token, Tokens};
use crate::mail::text::line::Region;

/// Elements nest so deep at most; what is deeper is flattened, as rendering takes time quadratic in the depth.
pub(super) const MAX_DEPTH: usize = 96;

/// Elements that have no content, or none that is text of the mail.
const SKIPPED: &[&str] = &["template", "svg", "math", "object", "select", "audio", "video", "canvas", "datalist", "applet", "map"];
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "o:p"];
const BLOCKS: &[&str] = &[
    "div",
    "section",
    "article",
    "header",
    "footer",
    "main",
    "nav",
    "aside",
    "address",
    "figure",
    "figcaption",
    "fieldset",
    "form",
    "center",
    "dl",
    "dt",
    "dd",
    "details",
    "summary",
    "caption",
    "table",
    "tr",
    "td",
    "th",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "dir",
    "menu",
    "legend",
    "thead",
    "tbody",
    "tfoot",
];

/// The simplified source.
#[derive(Clone, Debug, Default)]
pub(super) struct Simple {
    /// HTML of `p`, `div`, `br`, lists, `blockquote` and `pre` without attributes.
    pub(super) html: String,
    /// How many elements it holds.
    pub(super) elements: usize,
    /// Elements were nested too deep.
    pub(super) flattened: bool,
    /// Text without a size was left out.
    unseen: bool,
}

/// An element that is open.
#[derive(Debug)]
struct Open {
    name: String,
    /// What it was written as, if anything.
    written: Option<&'static str>,
    region: Option<Region>,
    /// The address of a link, and where its text begins in the result.
    link: Option<(String, usize)>,
    /// A table of data: its cells stand on one line.
    data: bool,
    cells: usize,
    size: Size,
}

/// Simplifies a whole source. Where no text would be large enough to be seen, sizes mean something else to the sender.
pub(super) fn simplify(source: &str) -> Simple {
    let simple = simplify_with(source, Sizes::Obeyed);
    match simple.unseen && !marks::holds_text(&simple.html) {
        true => simplify_with(source, Sizes::Ignored),
        false => simple,
    }
}

fn simplify_with(source: &str, sizes: Sizes) -> Simple {
    let mut hidden = Hidden::default();
    for token in Tokens::new(source) {
        if let Token::Style(sheet) = token {
            hidden.read(sheet);
        }
    }
    let mut writer = Writer { simple: Simple::default(), open: Vec::new(), dropped: 0, data: table::data_tables(source), sizes };
    let mut tokens = Tokens::new(source);
    // Once something hidden never ends, hiding is not trusted any more: it would swallow the mail, and look for its end again
    // and again.
    let mut hiding = true;
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => writer.text(text),
            Token::Close(name) => writer.close(&name),
            Token::Style(_) => {}
            Token::Open(tag) => {
                let void = VOID.contains(&tag.name.as_str());
                let gone = SKIPPED.contains(&tag.name.as_str()) || hidden.hides(&tag);
                if gone && void {
                    continue;
                }
                if gone && hiding && tag.name != "body" && tag.name != "html" {
                    hiding = tokens.skip_element(&tag.name);
                    if hiding {
                        continue;
                    }
                }
                writer.open(&tag);
            }
        }
    }
    while !writer.open.is_empty() {
        writer.pop();
    }
    writer.simple
}

/// Whether text without a size is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sizes {
    Obeyed,
    Ignored,
}

struct Writer {
    sizes: Sizes,
    simple: Simple,
    open: Vec<Open>,
    /// Elements that are open but were not written, for being too deep.
    dropped: usize,
    data: BTreeSet<usize>,
}

impl Writer {
    fn push_element(&mut self, html: &str) {
        self.simple.html.push_str(html);
        self.simple.elements += 1;
    }

    fn text(&mut self, text: &str) {
        let inside_table =
            self.open.last().is_some_and(|open| matches!(open.name.as_str(), "table" | "tr" | "tbody" | "thead" | "tfoot"));
        if inside_table && text.trim().is_empty() {
            return;
        }
        if self.sizes == Sizes::Obeyed && self.open.last().is_some_and(|open| open.size == Size::Unseen) && !text.trim().is_empty()
        {
            self.simple.unseen = true;
            return;
        }
        match text.contains('<') {
            true => self.simple.html.push_str(&text.replace('<', "&lt;")),
            false => self.simple.html.push_str(text),
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        let name = tag.name.as_str();
        match name {
            "br" => return self.push_element(if self.in_cell() { " " } else { "<br>" }),
            "hr" => return self.rule(tag),
            "img" => return self.simple.html.push_str(&link::alternative(tag)),
            _ if VOID.contains(&name) => return,
            _ => self.close_implied(name),
        }
        if self.open.len() >= MAX_DEPTH {
            self.simple.flattened = true;
            self.dropped += 1;
            if BLOCKS.contains(&name) && !self.simple.html.ends_with("<br>") {
                self.push_element("<br>");
            }
            return;
        }
        let region = self.region(tag);
        if let Some(region) = region {
            self.mark(marks::open(region));
        }
        let data = name == "table" && self.data.contains(&tag.place);
        let written = self.written_as(tag);
        if let Some(element) = written {
            self.push_element(&format!("<{element}>"));
        }
        self.separate_cell(name);
        let link = if name == "a" { link::target(tag).map(|target| (target, self.simple.html.len())) } else { None };
        let size = hidden::size(tag).or(self.open.last().map(|open| open.size)).unwrap_or(Size::Seen);
        self.open.push(Open { name: tag.name.clone(), written, region, link, data, cells: 0, size });
    }

    /// A blockquote of a program's inside one of the author's is a quote all the same.
    fn region(&self, tag: &Tag<'_>) -> Option<Region> {
        let indented = || self.open.iter().any(|open| open.region == Some(Region::Indent));
        mark::region(tag).or_else(|| (tag.name == "blockquote" && indented()).then_some(Region::Quote))
    }

    /// What an element becomes. Paragraphs without margins, as Outlook writes each line, are lines.
    fn written_as(&self, tag: &Tag<'_>) -> Option<&'static str> {
        if self.in_cell() {
            return None;
        }
        match tag.name.as_str() {
            "p" => {
                let tight =
                    tag.attribute("class").is_some_and(|class| class.contains("MsoNormal") || class.contains("MsoPlainText"))
                        || tag.attribute("style").is_some_and(|style| style.replace(' ', "").contains("margin:0"));
                Some(if tight { "div" } else { "p" })
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Some("p"),
            "ul" | "dir" | "menu" => Some("ul"),
            "ol" => Some("ol"),
            "li" => Some("li"),
            "blockquote" => Some("blockquote"),
            "pre" => Some("pre"),
            "thead" | "tbody" | "tfoot" => None,
            name => BLOCKS.contains(&name).then_some("div"),
        }
    }

    fn table(&self) -> Option<&Open> {
        self.open.iter().rev().find(|open| open.name == "table")
    }

    /// Inside a cell of a table of data.
    fn in_cell(&self) -> bool {
        self.open.iter().rev().find(|open| matches!(open.name.as_str(), "tr" | "table")).is_some_and(|row| row.name == "tr")
            && self.table().is_some_and(|table| table.data)
    }

    fn separate_cell(&mut self, name: &str) {
        if !matches!(name, "td" | "th") || !self.in_cell() {
            return;
        }
        let Some(row) = self.open.iter_mut().rev().find(|open| open.name == "tr") else { return };
        row.cells += 1;
        if row.cells > 1 {
            self.simple.html.push_str(" | ");
        }
    }

    /// A line across; Hotmail puts one with a name above the history.
    fn rule(&mut self, tag: &Tag<'_>) {
        match mark::region(tag) {
            Some(region) => {
                self.mark(marks::open(region));
                self.push_element("<div>---</div>");
                self.mark(marks::CLOSE);
            }
            None => self.push_element("<div>---</div>"),
        }
    }

    fn mark(&mut self, mark: char) {
        self.push_element(&format!("<div>{mark}</div>"));
    }

    /// Ends the elements that the start of another one ends (HTML 13.1.2.4).
    fn close_implied(&mut self, name: &str) {
        let ends: &[&str] = match name {
            "li" => &["li", "p"],
            "td" | "th" => &["td", "th", "p"],
            "tr" => &["tr", "td", "th", "p"],
            "dt" | "dd" => &["dt", "dd", "p"],
            "a" => &["a"],
            _ if BLOCKS.contains(&name) => &["p"],
            _ => return,
        };
        let barrier: &[&str] = match name {
            "li" => &["ul", "ol", "table"],
            "a" => &[],
            _ => &["table", "div", "blockquote", "li"],
        };
        let reach = self.open.iter().rposition(|open| barrier.contains(&open.name.as_str())).map_or(0, |i| i + 1);
        let first = self.open.iter().enumerate().skip(reach).find(|(_, open)| ends.contains(&open.name.as_str())).map(|(i, _)| i);
        if let Some(first) = first {
            while self.open.len() > first {
                self.pop();
            }
        }
    }

    fn close(&mut self, name: &str) {
        if self.dropped > 0 {
            self.dropped -= 1;
            return;
        }
        let cell = matches!(name, "td" | "th" | "tr" | "table" | "tbody" | "thead" | "tfoot");
        let found = self.open.iter().rposition(|open| open.name == name || (!cell && matches!(open.name.as_str(), "td" | "th")));
        if let Some(at) = found
            && self.open.get(at).is_some_and(|open| open.name == name)
        {
            while self.open.len() > at {
                self.pop();
            }
        }
    }

    fn pop(&mut self) {
        let Some(open) = self.open.pop() else { return };
        if let Some((target, start)) = open.link {
            let text = self.simple.html.get(start..).unwrap_or_default();
            if let Some(behind) = link::behind(text, &target) {
                self.simple.html.push_str(&behind);
            }
        }
        if let Some(element) = open.written {
            self.simple.html.push_str("</");
            self.simple.html.push_str(element);
            self.simple.html.push('>');
        }
        if open.region.is_some() {
            self.mark(marks::CLOSE);
        }
    }
}
