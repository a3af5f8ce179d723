//! Links and pictures as text: where a link leads stands behind its text, unless the text says so itself.

use std::sync::LazyLock;

use regex::Regex;

use super::tags::Tag;
use crate::mail::text::pattern::compile;
use crate::mail::text::redirect;

/// A longer alternative text describes a picture for machines.
const MAX_ALTERNATIVE_BYTES: usize = 200;

static ELEMENT: LazyLock<Regex> = LazyLock::new(|| compile(r"<[^>]*>"));
static FILE_NAME: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"(?i)\.(?:png|jpe?g|gif|bmp|svg|webp|tiff?)\s*$|^(?:image|picture|logo|spacer|icon|photo|bild|img)\d*$|^cid:|^https?:")
});

/// Where a link leads: the web, a mailbox or a telephone; everything else (`javascript:`, `data:`, `cid:`, `#here`) leads nowhere.
pub(super) fn target(tag: &Tag<'_>) -> Option<String> {
    let target = tag.attribute("href")?.trim();
    let allowed = ["http://", "https://", "mailto:", "tel:"]
        .iter()
        .any(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let target = target.replace("&amp;", "&");
    let target = redirect::unwrapped(&target).unwrap_or(target);
    allowed
        .then(|| target.split_ascii_whitespace().collect::<String>().replace('<', "%3C").replace('>', "%3E").replace('&', "&amp;"))
}

/// What stands behind the text of a link: ` (https://acme.example/plan)`.
pub(super) fn behind(text: &str, target: &str) -> Option<String> {
    let text = ELEMENT.replace_all(text, " ");
    let seen = bare(&text);
    (!seen.is_empty() && seen != bare(target)).then(|| format!(" ({})", target.strip_prefix("mailto:").unwrap_or(target)))
}

/// An address without what people leave out: scheme, `www.`, the last slash, white space, the arguments of `mailto:`.
fn bare(address: &str) -> String {
    let address: String = address.replace("&amp;", "&").replace("&nbsp;", " ").to_lowercase();
    let address: String = address.chars().filter(|c| !c.is_whitespace() && !matches!(c, '<' | '>' | '\u{200b}')).collect();
    let (scheme, rest) = ["https://", "http://", "mailto:", "tel:"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme).map(|rest| (*scheme, rest)))
        .unwrap_or(("", address.as_str()));
    let rest = if scheme == "mailto:" { rest.split('?').next().unwrap_or_default() } else { rest };
    let rest = rest.trim_start_matches("www.").trim_end_matches('/');
    if rest.starts_with(|c: char| c == '+' || c == '(' || c.is_ascii_digit())
        && rest.chars().all(|c| c.is_ascii_digit() || "+-()./".contains(c))
    {
        return rest.chars().filter(char::is_ascii_digit).collect();
    }
    rest.to_owned()
}

/// The text that stands for a picture: an emoji as it is, a description in brackets, nothing for decoration.
pub(super) fn alternative(tag: &Tag<'_>) -> String {
    let text = tag.attribute("alt").unwrap_or_default().trim();
    let decoration = text.is_empty()
        || text.len() > MAX_ALTERNATIVE_BYTES
        || FILE_NAME.is_match(text)
        || text.contains("automatically generated")
        || ["width", "height"]
            .into_iter()
            .filter_map(|side| tag.attribute(side))
            .any(|side| matches!(side.trim_end_matches("px"), "0" | "1" | "2"));
    if decoration {
        return String::new();
    }
    let text = text.replace('<', "&lt;");
    let emoji = text.chars().count() <= 4 && !text.chars().any(|c| c.is_ascii_alphanumeric());
    if emoji { text } else { format!("[{text}]") }
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn the_address_stands_behind_a_text_that_hides_it() {
        assert_eq!(behind("the <b>plan</b>", "https://acme.example/plan").as_deref(), Some(" (https://acme.example/plan)"));
        assert_eq!(behind("https://bank.example/", "https://evil.example/").as_deref(), Some(" (https://evil.example/)"));
        assert_eq!(behind("Ann", "mailto:ann@acme.example").as_deref(), Some(" (ann@acme.example)"));
    }

    #[test]
    fn a_text_that_is_the_address_stands_alone() {
        for (text, target) in [
            ("www.acme.example", "http://www.acme.example/"),
            ("ann@acme.example", "mailto:ann@acme.example?subject=x"),
            ("https://a.example/?b=1&amp;c=2", "https://a.example/?b=1&amp;c=2"),
            ("+49 (30) 123-4", "tel:+49301234"),
            ("  ", "https://acme.example/pixel"),
        ] {
            assert_eq!(behind(text, target), None, "{text}");
        }
    }
}
