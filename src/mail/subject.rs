//! Subjects without what replies, forwards, lists and gateways put in front (RFC 5256 2.1, and the words that mail
//! programs of other languages use).

/// What the prefixes of a subject say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An answer.
    Reply,
    /// A message passed on: the start of another talk.
    Forward,
    /// Neither.
    Fresh,
}

const REPLIES: [&str; 34] = [
    "re",
    "r",
    "res",
    "resp",
    "sv",
    "vs",
    "antw",
    "antwort",
    "aw",
    "ref",
    "réf",
    "rép",
    "rif",
    "ris",
    "bls",
    "odp",
    "ynt",
    "yan",
    "atb",
    "vá",
    "svar",
    "απ",
    "σχετ",
    "ответ",
    "отв",
    "відп",
    "השב",
    "رد",
    "回复",
    "回覆",
    "答复",
    "答覆",
    "返信",
    "회신",
];
const FORWARDS: [&str; 34] = [
    "fwd",
    "fw",
    "wg",
    "tr",
    "rv",
    "enc",
    "i",
    "fs",
    "vl",
    "vb",
    "vbr",
    "doorst",
    "pd",
    "trs",
    "yml",
    "ilt",
    "i̇lt",
    "továbbítás",
    "πρθ",
    "пересл",
    "перенапр",
    "пересилання",
    "הועבר",
    "إعادة توجيه",
    "转发",
    "轉寄",
    "轉發",
    "転送",
    "전달",
    "fwrd",
    "weitergeleitet",
    "inoltro",
    "inoltra",
    "trans",
];

/// The subject without prefixes, tags and a trailing `(fwd)`.
pub(super) fn base(subject: &str) -> &str {
    split(subject).0
}

/// What the outermost prefix says; tags of lists in front of it do not matter.
pub(super) fn kind(subject: &str) -> Kind {
    split(subject).1
}

fn split(subject: &str) -> (&str, Kind) {
    let mut rest = subject.trim();
    let mut outermost = None;
    loop {
        let stripped = if let Some((kind, after)) = prefix(rest) {
            outermost.get_or_insert(kind);
            after
        } else if let Some(after) = tag(rest) {
            after
        } else if let Some(before) = strip_suffix_ignoring_case(rest, "(fwd)") {
            outermost.get_or_insert(Kind::Forward);
            before
        } else {
            return (rest, outermost.unwrap_or(Kind::Fresh));
        };
        // A subject of nothing but tags is its tags.
        if stripped.trim().is_empty() && outermost.is_none() {
            return (rest, Kind::Fresh);
        }
        rest = stripped.trim();
    }
}

/// `Re:`, `RE[2]:`, `Re (3) :`, `回复：`.
fn prefix(text: &str) -> Option<(Kind, &str)> {
    let colon = text.find([':', '：'])?;
    let (word, after) = text.split_at_checked(colon)?;
    let after = after.strip_prefix([':', '：'])?;
    let word = word.trim_end();
    let counter = word.find(['[', '(', '*', '^']).unwrap_or(word.len());
    let (word, counter) = word.split_at_checked(counter)?;
    let is_counter = counter.chars().all(|c| c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')' | '*' | '^'));
    let word = word.trim_end().trim_end_matches('.');
    if !is_counter || word.is_empty() || word.chars().count() > 14 {
        return None;
    }
    let word = word.to_lowercase();
    if REPLIES.contains(&word.as_str()) {
        Some((Kind::Reply, after))
    } else {
        FORWARDS.contains(&word.as_str()).then_some((Kind::Forward, after))
    }
}

/// `[list]`, `[EXTERNAL]`, `[PATCH 1/2]`.
fn tag(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let (tag, after) = inner.split_once(']')?;
    (!tag.contains('[')).then_some(after)
}

fn strip_suffix_ignoring_case<'t>(text: &'t str, suffix: &str) -> Option<&'t str> {
    let start = text.len().checked_sub(suffix.len())?;
    let (before, tail) = text.split_at_checked(start)?;
    tail.eq_ignore_ascii_case(suffix).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_every_language_come_off() {
        for (subject, base_subject, kind_of_it) in [
            ("Re: Plan", "Plan", Kind::Reply),
            ("RE[2]: Re (3) : [list] AW: Plan", "Plan", Kind::Reply),
            ("[list] Re: Plan", "Plan", Kind::Reply),
            ("Fwd: Re: Plan", "Plan", Kind::Forward),
            ("Plan (fwd)", "Plan", Kind::Forward),
            ("回复：计划", "计划", Kind::Reply),
            ("Odp.: Plan", "Plan", Kind::Reply),
            ("Réf : Plan", "Plan", Kind::Reply),
            ("転送: Plan", "Plan", Kind::Forward),
            ("Plan: the next step", "Plan: the next step", Kind::Fresh),
            ("[list] Plan", "Plan", Kind::Fresh),
            ("[list]", "[list]", Kind::Fresh),
            ("Re:", "", Kind::Reply),
            ("", "", Kind::Fresh),
        ] {
            assert_eq!((base(subject), kind(subject)), (base_subject, kind_of_it), "{subject}");
        }
    }
}
