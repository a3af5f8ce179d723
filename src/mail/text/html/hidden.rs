//! What a style sheet hides: preheaders, copies for another width of screen, and whatever a sender hides from people.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::tags::Tag;
use crate::mail::text::pattern::compile;

/// Style sheets are read up to so many bytes in all.
const MAX_STYLE_BYTES: usize = 256 * 1024;

static HIDES: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)(?:^|[;{\s])(?:display\s*:\s*none|visibility\s*:\s*hidden|max-height\s*:\s*0(?:px|em|%)?\s*(?:!important)?\s*(?:;|$)|opacity\s*:\s*0(?:\.0+)?\s*(?:!important)?\s*(?:;|$))",
    )
});
static SHOWS: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i)(?:^|[;{\s])display\s*:\s*(?:block|inline|table|flex|list|grid)"));
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
    use super::Hidden;

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
    fn what_is_hidden_on_narrow_screens_only_is_shown() {
        assert!(!hides("@media (max-width: 600px) { .wide { display: none } } p { margin: 0 }", "<div class=wide>"));
        assert!(!hides(".a { display: none } .a { display: block }", "<div class=a>"));
        assert!(!hides(".a .b { display: none }", "<div class=b>"));
        assert!(!hides("", r#"<td style="line-height:0;max-height:0.5em;opacity:0.9">"#));
    }
}
