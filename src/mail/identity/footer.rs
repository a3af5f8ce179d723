//! What lists and gateways add to a text: footers at its very end, banners at its very start.

/// The lines that a footer has at most; the longest in use (Yahoo's) has about thirty.
const FOOTER_LINES: usize = 32;
/// The lines that a banner has at most.
const BANNER_LINES: usize = 8;
/// The footers of lists within lists: two are common.
const MOST_FOOTERS: usize = 4;

/// Words that a footer has beside its line of dashes: an author's own signature has none of them.
const FOOTER_WORDS: [&str; 14] = [
    "mailing list",
    "mailinglist",
    "mailing-list",
    "unsubscribe",
    "listinfo",
    "majordomo",
    "subscribed to",
    "subscription options",
    "google groups",
    "groups.io",
    "yahoo! groups",
    "list archives",
    "liste de diffusion",
    "mailingliste",
];

/// Words of the banners that gateways put on top of mail from outside.
const BANNER_WORDS: [&str; 8] = [
    "originated from outside",
    "originates from outside",
    "came from outside",
    "external email",
    "external e-mail",
    "external sender",
    "sent from outside",
    "von außerhalb",
];

/// The text without the footers at its end and the banner at its start.
pub(super) fn without_additions(text: &str) -> &str {
    let mut text = without_banner(text);
    for _ in 0..MOST_FOOTERS {
        match footer_start(text) {
            Some(start) => text = text.get(..start).unwrap_or(text),
            None => break,
        }
    }
    text
}

/// Where the footer begins, if the text ends with one: a line of dashes, and below it at once or never the words of a
/// list.
fn footer_start(text: &str) -> Option<usize> {
    let text = text.trim_end();
    let mut start = text.len();
    for (count, line) in text.rsplit('\n').enumerate().take(FOOTER_LINES) {
        start = start.checked_sub(line.len() + usize::from(count > 0))?;
        if is_rule(line) {
            let line_start = start + usize::from(text.as_bytes().get(start) == Some(&b'\n'));
            let below = text.get(line_start + line.len()..).unwrap_or_default().to_lowercase();
            return FOOTER_WORDS.iter().any(|word| below.contains(word)).then_some(line_start);
        }
    }
    None
}

/// A line that sets a footer off: `-- `, or a run of one or two such signs.
fn is_rule(line: &str) -> bool {
    let line = line.trim().trim_start_matches(['>', ' ']);
    matches!(line, "--" | "---") || (line.len() >= 10 && line.chars().all(|c| matches!(c, '_' | '-' | '=' | '#' | '*' | '~')))
}

/// The text behind its first paragraph, where that is a gateway's banner.
fn without_banner(text: &str) -> &str {
    let body = text.trim_start();
    let end = body.find("\n\n").unwrap_or(body.len());
    let first = body.get(..end).unwrap_or(body);
    if first.lines().count() > BANNER_LINES {
        return text;
    }
    let lower = first.to_lowercase();
    if BANNER_WORDS.iter().any(|word| lower.contains(word)) { body.get(end..).unwrap_or_default() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footers_of_lists_are_no_part_of_the_text() {
        for footer in [
            "_______________________________________________\nDev mailing list\nDev@x.example\nhttps://x.example/listinfo/dev\n",
            "--\nTo unsubscribe from this list: send the line \"unsubscribe dev\" in\nthe body of a message\n",
            "-- \nYou received this message because you are subscribed to the Google Groups \"x\" group.\nTo view it visit https://x.\n",
            "----------------------------------------\nTo unsubscribe: x@x.example\n\n_____________________\nx mailing list\n",
        ] {
            let text = format!("Hello\n\n-- \nAnn\n{footer}");
            assert_eq!(without_additions(&text).trim_end(), "Hello\n\n-- \nAnn", "{footer}");
        }
    }

    #[test]
    fn a_signature_is_part_of_the_text() {
        for text in ["Hello\n-- \nAnn Lee\nAcme", "Hello", "", "a\n__________\nb", "I unsubscribe"] {
            assert_eq!(without_additions(text), text);
        }
    }

    #[test]
    fn a_banner_is_no_part_of_the_text() {
        let text = "CAUTION: This email originated from outside of the organization.\nDo not click.\n\nHello";
        assert_eq!(without_additions(text).trim(), "Hello");
    }
}
