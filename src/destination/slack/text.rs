//! Text of others, made harmless: in Slack nothing of it may ping, link, unfurl or dress up.

/// A character without width that no word goes on behind: an `@` before it calls nobody.
const WORD_JOINER: char = '\u{2060}';
/// The words that call many people when they stand behind an `@`.
const CALLS: [&str; 3] = ["channel", "here", "everyone"];

/// Literal text for a place where Slack reads no markup (plain text, rich text elements): without control characters but
/// line ends and tabs, and without calls to everyone. Slack takes none for a call in such a place; this is the second
/// lock, for clients and bridges that read it differently.
pub(super) fn literal(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let mut harmless = String::with_capacity(clean.len());
    for (at, c) in clean.char_indices() {
        harmless.push(c);
        if matches!(c, '@' | '＠') && calls_many(clean.get(at + c.len_utf8()..).unwrap_or_default()) {
            harmless.push(WORD_JOINER);
        }
    }
    harmless
}

/// Text for a place where Slack reads markup: [`literal`], and the three characters escaped by which all of Slack's
/// control sequences begin and end (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
pub(super) fn escaped(text: &str) -> String {
    literal(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// One line of literal text of at most so many characters, with `…` where something is cut.
pub(super) fn line(text: &str, max_chars: usize) -> String {
    let words = literal(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= max_chars {
        return words;
    }
    words.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect()
}

/// Whether what follows an `@` begins with a word that calls many people. Where Slack sees the end of a word is not ours to
/// know, so whatever begins like one is taken for it.
fn calls_many(text: &str) -> bool {
    CALLS.iter().any(|call| text.get(..call.len()).is_some_and(|word| word.eq_ignore_ascii_case(call)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exactly_three_characters_are_escaped() {
        assert_eq!(escaped("a < b && c > \"d\" 'e' *f* _g_ `h` ~i~"), "a &lt; b &amp;&amp; c &gt; \"d\" 'e' *f* _g_ `h` ~i~");
        assert_eq!(escaped("&lt;!channel&gt;"), "&amp;lt;!channel&amp;gt;");
        assert_eq!(escaped("<!channel> <@U1> <#C1> <!subteam^S1> <!date^1^x|y> <https://x|y>").matches(['<', '>']).count(), 0);
    }

    #[test]
    fn an_at_before_a_word_that_calls_many_is_taken_apart() {
        for call in ["@channel", "@here", "@everyone", "@HERE!", "＠channel", "(@Everyone)", "@channels", "@\u{0}here"] {
            assert!(literal(call).contains(WORD_JOINER), "{call}");
        }
        for address in ["ann@acme.example", "@her", "here @ noon", "@ channel", "everyone@"] {
            assert_eq!(literal(address), address);
        }
    }

    #[test]
    fn control_characters_go_and_line_ends_stay() {
        assert_eq!(literal("a\r\nb\tc\u{0}\u{1b}[1md\u{7f}"), "a\nb\tc[1md");
    }

    #[test]
    fn a_line_is_one_line_and_says_where_it_is_cut() {
        assert_eq!(line(" Re:\n\tthe   plan ", 20), "Re: the plan");
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
    }

    /// Text made of what Slack reads as control sequences.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[<>&!@#|^]{1,3}",
            Just("<!channel>".to_owned()),
            Just("<!subteam^S012|team>".to_owned()),
            Just("&lt;!here&gt;".to_owned()),
            Just("@Here".to_owned()),
            Just("\u{0}@\u{0}here".to_owned()),
            "\\PC{0,8}",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_that_could_act_survives(text in hostile()) {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(['<', '>']));
            let lower = escaped.to_lowercase();
            prop_assert!(CALLS.iter().all(|call| !lower.contains(&format!("@{call}"))), "{escaped:?}");
        }

        #[test]
        fn a_reader_sees_what_was_written(text in "\\PC{0,60}") {
            let shown = escaped(&text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace(WORD_JOINER, "");
            prop_assert_eq!(shown, text.replace(WORD_JOINER, ""));
        }
    }
}
