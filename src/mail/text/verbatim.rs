//! Code fences and patches: text whose lines only look like quotes, rules and signatures.

use super::line::Line;

/// Which lines are code or a patch.
pub(super) fn lines(lines: &[Line]) -> Vec<bool> {
    let mut verbatim = vec![false; lines.len()];
    let fences: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.text.trim_start().starts_with("```")).map(|(i, _)| i).collect();
    for pair in fences.chunks_exact(2) {
        if let [open, close] = pair {
            verbatim.iter_mut().take(close + 1).skip(*open).for_each(|line| *line = true);
        }
    }
    let mut inside = false;
    for i in 0..lines.len() {
        inside = if inside { goes_on(lines, i) } else { starts_patch(lines, i) };
        if inside && let Some(line) = verbatim.get_mut(i) {
            *line = true;
        }
    }
    verbatim
}

fn text(lines: &[Line], i: usize) -> &str {
    lines.get(i).map_or("", |line| line.text.as_str())
}

/// The first line of a unified or context diff.
fn starts_patch(lines: &[Line], i: usize) -> bool {
    let (line, next) = (text(lines, i), text(lines, i + 1));
    line.starts_with("diff --git ")
        || line.starts_with("diff -")
        || (line.starts_with("Index: ") && next.starts_with("===="))
        || (line.starts_with("--- ") && next.starts_with("+++ "))
        || (line.starts_with("*** ") && next.starts_with("--- "))
        || (line.starts_with("@@ -") && line.contains(" @@"))
}

/// A patch ends at the first line that no patch holds, and at the footer of git: `-- `, then its version.
fn goes_on(lines: &[Line], i: usize) -> bool {
    const WORDS: &[&str] = &[
        "diff ",
        "index ",
        "new file",
        "deleted file",
        "similarity ",
        "rename ",
        "copy ",
        "old mode",
        "new mode",
        "GIT binary",
        "Binary ",
        "Index: ",
        "====",
        "literal ",
        "delta ",
        "dissimilarity ",
    ];
    let line = text(lines, i);
    if line.trim_end() == "--" && text(lines, i + 1).starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    if line.is_empty() {
        // White space at the end may be lost on the way: an empty line is an empty line of context.
        return text(lines, i + 1).starts_with([' ', '+', '-', '@', 'd', 'I', '\\']) && !text(lines, i + 1).starts_with("-- ");
    }
    line.starts_with([' ', '\t', '+', '-', '@', '\\', '!', '*']) || WORDS.iter().any(|word| line.starts_with(word))
}
