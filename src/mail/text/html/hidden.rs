//! What a style sheet hides: preheaders, copies for another width of screen, and whatever a sender hides from people.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::tags::Tag;
use crate::mail::text::pattern::compile;

/// Style sheets are read up to so many bytes in all.
const MAX_STYLE_BYTES: usize = 256 * 1024;

/// Text of this size in pixels or points cannot be seen.
const UNSEEN: f32 = 1.0;

static HIDES: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)(?:^|[;{\s])(?:display\s*:\s*none|visibility\s*:\s*hidden|max-height\s*:\s*0(?:px|pt|em|%)?\s*(?:!important)?\s*(?:;|$)|opacity\s*:\s*0(?:\.0+)?\s*(?:!important)?\s*(?:;|$))",
    )
});
static SHOWS: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i)(?:^|[;{\s])display\s*:\s*(?:block|inline|table|flex|list|grid)"));
static FONT_SIZE: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)(?:^|[;{\s])font-size\s*:\s*(?P<number>\d*\.?\d+)\s*(?P<unit>[a-z]{1,4}|%)?"));
static COMMENT: LazyLock<Regex> = LazyLock::new(|| compile(r"(?s)/\*.*?\*/|<!--|-->"));

/// The classes and ids that the style sheets of a mail hide on a wide screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    /// `.class` and `#id`, in lower case.
    names: BTreeSet<String>,
    bytes: usize,
}

impl Hidden {
    /// Reads a style sheet: rules outside of `@media`, with selectors of one class or id. The last rule wins.
    pub(super) fn read(&mut self, sheet: &str) {
        self.bytes += sheet.len();
        if self.bytes > MAX_STYLE_BYTES {
            return;
        }
        let sheet = COMMENT.replace_all(sheet, " ");
        let mut rest = sheet.as_ref();
        while let Some((selectors, block)) = rest.split_once('{') {
            let selectors = selectors.rsplit([';', '}']).next().unwrap_or_default().trim();
            if selectors.starts_with('@') {
                rest = behind_block(block);
                continue;
            }
            let (rule, behind) = block.split_once('}').unwrap_or((block, ""));
            rest = behind;
            let (hides, shows) = (HIDES.is_match(rule), SHOWS.is_match(rule));
            for selector in selectors.split(',').filter_map(single) {
                if hides {
                    self.names.insert(selector);
                } else if shows {
                    self.names.remove(&selector);
                }
            }
        }
    }

    /// Is the element of this tag hidden?
    pub(super) fn hides(&self, tag: &Tag<'_>) -> bool {
        let style = tag.attribute("style").unwrap_or_default();
        if HIDES.is_match(style) || tag.attribute("hidden").is_some() {
            return true;
        }
        if self.names.is_empty() || SHOWS.is_match(style) {
            return false;
        }
        let has = |mark: &str, name: &str| self.names.contains(&format!("{mark}{}", name.to_lowercase()));
        tag.attribute("class").unwrap_or_default().split_ascii_whitespace().any(|class| has(".", class))
            || tag.attribute("id").is_some_and(|id| has("#", id))
    }
}

/// What a tag says about the size of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Large enough to be read.
    Seen,
    /// Too small to be seen.
    Unseen,
}

/// The size that the style of this tag gives its text; `None` where it says nothing. Containers often have no size, and their
/// content has one.
pub(super) fn size(tag: &Tag<'_>) -> Option<Size> {
    if tag.name == "font" && tag.attribute("size").is_some() {
        return Some(Size::Seen);
    }
    let found = FONT_SIZE.captures(tag.attribute("style")?)?;
    let number: f32 = found.name("number")?.as_str().parse().ok()?;
    let absolute = matches!(found.name("unit").map_or("", |unit| unit.as_str()).to_ascii_lowercase().as_str(), "px" | "pt" | "");
    let unseen = number == 0.0 || (absolute && number <= UNSEEN);
    Some(if unseen { Size::Unseen } else { Size::Seen })
}

/// `.name`, `#name`, `td.name`: the part that names; anything longer is left alone.
fn single(selector: &str) -> Option<String> {
    let selector = selector.trim();
    let at = selector.find(['.', '#'])?;
    let name = selector.get(at..)?;
    let plain = |part: &str| part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    (plain(selector.get(..at)?) && name.len() > 1 && plain(name.get(1..)?)).then(|| name.to_lowercase())
}

/// Behind the block of an at-rule, whose opening brace is read already.
fn behind_block(text: &str) -> &str {
    let mut depth = 1_usize;
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(i + 1..).unwrap_or_default();
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::super::tags::{Token, Tokens};
    use super::{Hidden, Size, size};

    fn hides(sheet: &str, tag: &str) -> bool {
        let mut hidden = Hidden::default();
        hidden.read(sheet);
        match Tokens::new(tag).next() {
            Some(Token::Open(tag)) => hidden.hides(&tag),
            other => panic!("a tag, not {other:?}"),
        }
    }

    #[test]
    fn a_preheader_is_hidden_inline_and_by_class() {
        assert!(hides("", r#"<div style="display:none;max-height:0">"#));
        assert!(hides(".preheader, #pre { DISPLAY : none !important; }", r#"<span class="a preheader">"#));
        assert!(hides("/* x */ td#pre { display: none }", "<td id=pre>"));
    }

    #[test]
    fn a_size_is_absolute_or_none() {
        let of = |style: &str| match Tokens::new(&format!("<td style='{style}'>")).next() {
            Some(Token::Open(tag)) => size(&tag),
            other => panic!("a tag, not {other:?}"),
        };
        for (style, wanted) in [
            ("font-size:0", Some(Size::Unseen)),
            ("color:#fff;font-size:1px;line-height:1px", Some(Size::Unseen)),
            ("font-size: 0px !important", Some(Size::Unseen)),
            ("font-size:1em", Some(Size::Seen)),
            ("font-size:12.5pt", Some(Size::Seen)),
            ("font-size:small", None),
            ("mso-ansi-font-size:0", None),
        ] {
            assert_eq!(of(style), wanted, "{style}");
        }
    }

    #[test]
    fn what_is_hidden_on_narrow_screens_only_is_shown() {
        assert!(!hides("@media (max-width: 600px) { .wide { display: none } } p { margin: 0 }", "<div class=wide>"));
        assert!(!hides(".a { display: none } .a { display: block }", "<div class=a>"));
        assert!(!hides(".a .b { display: none }", "<div class=b>"));
        assert!(!hides("", r#"<td style="line-height:0;max-height:0.5em;opacity:0.9">"#));
    }
}
