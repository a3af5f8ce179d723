//! Marks: noncharacters that carry what the HTML said about a place through the rendering. They are taken out of every source
//! before, and out of the lines after it.

use crate::mail::text::line::{Line, Region};

/// Ends the region that was opened last.
pub(super) const CLOSE: char = '\u{fddf}';

/// The mark of each region, in the order of their code points.
const REGIONS: [(char, Region); 6] = [
    ('\u{fdd0}', Region::Signature),
    ('\u{fdd1}', Region::Attribution),
    ('\u{fdd2}', Region::Quote),
    ('\u{fdd3}', Region::Headers),
    ('\u{fdd4}', Region::Forward),
    ('\u{fdd5}', Region::Indent),
];

/// The mark that opens a region.
pub(super) fn open(region: Region) -> char {
    REGIONS.iter().find(|(_, known)| *known == region).map_or(CLOSE, |&(mark, _)| mark)
}

/// Is there a word between the tags?
pub(super) fn holds_text(html: &str) -> bool {
    let between = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    between.flat_map(str::chars).any(char::is_alphanumeric)
}

/// Rendered text → lines that know where they stood.
pub(super) fn lines(rendered: &str) -> Vec<Line> {
    let mut regions: Vec<Region> = Vec::new();
    let mut lines = Vec::new();
    for text in rendered.lines() {
        let before = regions.len();
        let mut marked = false;
        for c in text.chars() {
            if c == CLOSE {
                regions.pop();
                marked = true;
            } else if let Some(&(_, region)) = REGIONS.iter().find(|&&(mark, _)| mark == c) {
                regions.push(region);
                marked = true;
            }
        }
        if !marked {
            lines.push(Line { text: text.to_owned(), region: effective(&regions, text) });
            continue;
        }
        // A mark stands on a line of its own, but a list may have put its bullet there.
        let rest: String = text.chars().filter(|&c| c != CLOSE && !REGIONS.iter().any(|&(mark, _)| mark == c)).collect();
        if rest.chars().any(char::is_alphanumeric) {
            let during = if regions.len() >= before { effective(&regions, &rest) } else { Region::Body };
            lines.push(Line { text: rest, region: during });
        }
    }
    lines
}

/// The outermost region counts: a signature inside a quote is part of the quote. The author's own layout counts last, and a
/// line that is quoted already needs no region.
fn effective(regions: &[Region], text: &str) -> Region {
    let region =
        regions.iter().copied().find(|&region| region != Region::Indent).or(regions.first().copied()).unwrap_or(Region::Body);
    let quoted = text.trim_start().starts_with('>');
    if quoted && !matches!(region, Region::Indent | Region::Forward) { Region::Body } else { region }
}
