//! format=flowed (RFC 3676): soft line breaks undone, quote depth kept.

/// Joins the flowed lines of a text; `deletes_space` is the parameter DelSp.
pub(super) fn unwrap(text: &str, deletes_space: DelSp) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let (depth, content) = quote_depth(line);
        let content = content.strip_prefix(' ').unwrap_or(content);
        match open {
            Some(open_depth) if open_depth == depth && content != "-- " => {}
            _ => {
                if open.is_some() {
                    out.push('\n');
                }
                out.extend(std::iter::repeat_n('>', depth));
                if depth > 0 && !content.is_empty() {
                    out.push(' ');
                }
            }
        }
        let flows = content.ends_with(' ') && content != "-- ";
        let kept = if flows && deletes_space == DelSp::Yes { content.strip_suffix(' ').unwrap_or(content) } else { content };
        out.push_str(kept);
        open = flows.then_some(depth);
        if !flows {
            out.push('\n');
        }
    }
    if !text.ends_with('\n') && out.ends_with('\n') {
        out.pop();
    }
    out
}

/// Whether the space of a soft line break is no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DelSp {
    /// It is none: texts without spaces between words.
    Yes,
    /// It is one.
    No,
}

fn quote_depth(line: &str) -> (usize, &str) {
    let content = line.trim_start_matches('>');
    (line.len() - content.len(), content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_breaks_are_undone_and_quotes_kept() {
        for (text, unwrapped) in [
            ("one \ntwo\nthree\n", "one two\nthree\n"),
            ("> one \n> two\nmine\n", "> one two\nmine\n"),
            ("> one \n>> two\n", "> one \n>> two\n"),
            (" >not a quote\n From me\n", ">not a quote\nFrom me\n"),
            ("text\n-- \nAnn \nLee", "text\n-- \nAnn Lee"),
            ("soft \n-- \nAnn\n", "soft \n-- \nAnn\n"),
            (">\n> a\n", ">\n> a\n"),
        ] {
            assert_eq!(unwrap(text, DelSp::No), unwrapped, "{text:?}");
        }
        assert_eq!(unwrap("日本 \n語\n", DelSp::Yes), "日本語\n");
    }
}
