//! Signatures at the end: below `-- ` (RFC 3676, 4.3) or `--`, and the line that a mobile program adds.

use std::sync::LazyLock;

use regex::Regex;

use super::line::Line;
use super::pattern::{any_of, compile};
use super::phrases::Purpose;

/// A signature below `-- ` has so many lines with text at most; what is longer may be the mail itself.
const MAX_LINES: usize = 30;
/// Below `--` without the space, which people also draw by hand.
const MAX_LINES_BARE: usize = 12;
/// And so many words: a card with a motto has some forty.
const MAX_WORDS_BARE: usize = 60;
/// Two lines in a row of so many characters are prose.
const PROSE_CHARS: usize = 56;
/// The line of a mobile program is so long at most, in characters.
const MAX_TAGLINE_CHARS: usize = 160;

static LINKS: LazyLock<Regex> =
    LazyLock::new(|| compile(r"<[^<>]*[/@][^<>]*>|\((?:https?|mailto)[^()]*\)|https?://\S+|[\[\]()<>*_|]"));
static SENT_FROM: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"(?i)^\W*{}(?P<rest>.*)$", any_of(Purpose::SentFrom))));
/// A device or a program; many languages decline the most common names.
static DEVICE: LazyLock<Regex> = LazyLock::new(|| {
    let names = any_of(Purpose::Device);
    compile(&format!(
        r"(?i)(?:^|\W)(?:{names}(?:\W|$|\d)|(?:iphon|ipad|android|mobil|móvil|telef|téléphone|celular|puhelime)\p{{L}}*)|手机|手機|携帯|휴대폰"
    ))
});
/// `Ann from mobile`.
static FROM_MOBILE: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^\p{Lu}\p{L}+ (?i:from (?:my )?(?:mobile|phone|cell|iphone|ipad))$"));
static SENT_AT_END: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)(?:gesendet|gönderildi|送信|傳送|发送|發送|보냄|भेजा गया|küldve)\W*$"));
static EXCUSE: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)^[\s,.;:–-]*(?:please\s+)?(?:excuse|forgive|pardon|sorry|apologi[sz]e)|^[\s,.;:–-]*please\s"));
static EXCUSE_ALONE: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)^\W*(?:please\s+|kindly\s+)?(?:excuse|forgive|pardon|apologi[sz]e|apologies)\b.{0,60}\b(?:typos?|typing|errors?|mistakes?|brevity|spelling|autocorrect)",
    )
});
static SENTENCE: LazyLock<Regex> = LazyLock::new(|| compile(r"[,;?!]|[.:]\s"));

/// How a line may begin a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Standard,
    Bare,
}

fn mark(line: &str) -> Option<Mark> {
    match line {
        "-- " => Some(Mark::Standard),
        _ if matches!(line.trim(), "--" | "—" | "- --" | "––") => Some(Mark::Bare),
        _ => None,
    }
}

/// Names, ways to reach somebody, perhaps a motto: no list, no code, and no text that goes on.
fn is_card(lines: &[Line]) -> bool {
    let mut own = lines.iter().map(|line| line.text.trim()).filter(|line| !line.is_empty());
    let Some(first) = own.next() else { return false };
    let goes_on = first.starts_with(char::is_lowercase) && first.split_whitespace().count() > 2 && first.ends_with(['.', '!', '?']);
    let code = |line: &str| line.ends_with([';', '{', '}']) || line.starts_with("--");
    let words: usize = lines.iter().map(|line| line.text.split_whitespace().count()).sum();
    let long = |line: &Line| line.text.chars().count() >= PROSE_CHARS;
    let prose = lines.windows(2).any(|pair| pair.iter().all(long));
    !goes_on && !prose && words <= MAX_WORDS_BARE && !code(first) && !own.any(code)
}

/// Where the signature begins that reaches to the end of these lines: at the last mark. A summary of changes is none.
pub(super) fn start(lines: &[Line]) -> Option<usize> {
    let mut below = 0;
    for (i, line) in lines.iter().enumerate().rev() {
        match mark(&line.text) {
            Some(Mark::Standard) => return Some(i),
            Some(Mark::Bare) if below <= MAX_LINES_BARE && is_card(lines.get(i + 1..)?) => return Some(i),
            _ => {}
        }
        below += usize::from(!line.is_blank());
        if below > MAX_LINES || line.text.contains(" changed, ") {
            break;
        }
    }
    None
}

/// `Sent from my phone`, `Von meinem Handy gesendet`, `Get Outlook for …`.
pub(super) fn is_tagline(line: &str) -> bool {
    if line.chars().count() > MAX_TAGLINE_CHARS {
        return false;
    }
    let bare = LINKS.replace_all(line, " ");
    let bare = bare.trim().trim_end_matches('.');
    if FROM_MOBILE.is_match(bare) || (SENT_AT_END.is_match(bare) && DEVICE.is_match(bare) && bare.split_whitespace().count() <= 12)
    {
        return true;
    }
    let Some(rest) = SENT_FROM.captures(bare).and_then(|found| found.name("rest")).map(|rest| rest.as_str()) else { return false };
    // The first clause names the device; what follows may only excuse its typing.
    let clause = SENTENCE.find(rest).map_or(rest.len(), |end| end.start());
    let (first, second) = rest.split_at_checked(clause).unwrap_or((rest, ""));
    let words = first.split_whitespace().count();
    let own = first.trim_start().starts_with("my ")
        || DEVICE.is_match(first)
        || DEVICE.is_match(bare.get(..bare.len() - rest.len()).unwrap_or(""));
    words <= 8
        && if second.trim_matches(|c: char| !c.is_alphanumeric()).is_empty() {
            own || words == 0
        } else {
            DEVICE.is_match(first) && EXCUSE.is_match(second)
        }
}

/// `Please excuse typos.`, which stands below such a line.
pub(super) fn is_excuse(line: &str) -> bool {
    line.chars().count() <= MAX_TAGLINE_CHARS && EXCUSE_ALONE.is_match(line)
}

#[cfg(test)]
mod tests {
    use super::is_tagline;

    #[test]
    fn the_line_of_a_mobile_program_is_known_in_many_languages() {
        for line in [
            "Sent from my iPhone",
            "Sent from my HTC M8 Android phone.  Please excuse typos",
            "<<sent by galaxy>>",
            "Von meinem Mobilgerät gesendet",
            "Envoyé depuis mon iPhone",
            "發自我的 iPhone",
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "Lähetetty iPhonesta",
        ] {
            assert!(is_tagline(line), "{line}");
        }
    }

    #[test]
    fn a_sentence_about_sending_is_kept() {
        for line in [
            "Sent from my desk, is much easier than my mobile phone.",
            "Sent by post yesterday, it should arrive on Monday.",
            "I will call you from my mobile",
        ] {
            assert!(!is_tagline(line), "{line}");
        }
    }
}
