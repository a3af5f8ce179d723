//! Where one message of an mbox ends and the next begins.
//!
//! Two mistakes are possible. A boundary that is not seen puts one correspondent's mail into the body of another's, and
//! so perhaps into the channel of another partner; one that is seen where there is none cuts a message in two. The first
//! is the worse one, so a line that has the full form of a boundary is one, whatever follows; a doubtful one is believed
//! only where headers follow. Every doubt is noted on the messages that it concerns.

use super::envelope;

/// How far behind the beginning of a `From ` line is looked, in bytes: the line itself and the headers after it.
pub(super) const LOOKAHEAD: usize = 8 * 1024;

/// Headers that people write in the text of a forwarded mail as well.
const SPOKEN: [&str; 7] = ["from", "to", "cc", "date", "sent", "subject", "reply-to"];

/// Headers that only programs write: with one of these among them, the lines after a doubtful `From ` line are a message.
const WRITTEN: [&str; 9] = [
    "message-id",
    "received",
    "return-path",
    "delivered-to",
    "mime-version",
    "content-type",
    "x-mozilla-status",
    "status",
    "x-gmail-labels",
];

/// What a line that begins with `From ` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The beginning of the next message.
    Boundary,
    /// Probably so: no blank line before it, or no date in it, but headers after it.
    DoubtfulBoundary,
    /// Text of the message.
    Text,
}

/// Judges a line: `before` is what stands before it (its last four bytes are enough), `ahead` begins with it.
///
/// More bytes at the end of `ahead` never turn a boundary into text, as long as the line itself is whole: an mbox that is
/// read while it is written shows no boundary that it does not have.
pub(super) fn judge(before: &[u8], ahead: &[u8]) -> Verdict {
    let Some(end) = memchr::memchr(b'\n', ahead) else { return Verdict::Text };
    let (line, rest) = ahead.split_at(end);
    let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    let dated = envelope::date(line).is_some();
    let parted = before.is_empty() || before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n");
    match (dated, parted) {
        (true, true) => Verdict::Boundary,
        (true, false) if header_name(rest).is_some() => Verdict::DoubtfulBoundary,
        (false, _) if begins_message(rest) => Verdict::DoubtfulBoundary,
        _ => Verdict::Text,
    }
}

/// Whether these lines are the headers of a message beyond doubt: two or more, one of them such as only programs write.
fn begins_message(lines: &[u8]) -> bool {
    known_headers(lines).any(|(known, written)| known >= 2 && written)
}

/// Whether these lines may be the headers of a message, where nothing else speaks for or against it.
pub(super) fn looks_like_mail(lines: &[u8]) -> bool {
    known_headers(lines).any(|(known, _)| known >= 2)
}

/// Goes through a block of headers: how many well-known ones there were so far, and whether one was such as only
/// programs write.
fn known_headers(lines: &[u8]) -> impl Iterator<Item = (u32, bool)> {
    let is_continuation = |line: &[u8]| line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    let names = lines.split_inclusive(|byte| *byte == b'\n').filter(move |line| !is_continuation(line)).map_while(header_name);
    names.scan((0, false), |(known, written), name| {
        let is = |names: &[&str]| names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
        *written |= is(&WRITTEN);
        *known += u32::from(is(&WRITTEN) || is(&SPOKEN));
        Some((*known, *written))
    })
}

/// The name of the header that a line begins with (RFC 5322 2.2).
pub(super) fn header_name(line: &[u8]) -> Option<&[u8]> {
    const LONGEST_NAME: usize = 76;
    let colon = line.iter().take(LONGEST_NAME).position(|byte| !byte.is_ascii_graphic() || *byte == b':')?;
    let (name, rest) = line.split_at(colon);
    (!name.is_empty() && rest.first() == Some(&b':')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTED: &[u8] = b"text\n\n";
    const TOUCHING: &[u8] = b"text\n";

    #[test]
    fn lines_are_judged_by_blank_line_date_and_headers() {
        use Verdict::{Boundary, DoubtfulBoundary, Text};
        for (before, ahead, expected) in [
            (PARTED, "From a@b Mon Jan  6 09:00:00 2020\nSubject: x\n", Boundary),
            (PARTED, "From a@b Mon Jan  6 09:00:00 2020\nno header at all\n", Boundary),
            (b"text\r\n\r\n", "From a@b Mon Jan  6 09:00:00 2020\r\nSubject: x\r\n", Boundary),
            (TOUCHING, "From a@b Mon Jan  6 09:00:00 2020\nSubject: x\n", DoubtfulBoundary),
            (TOUCHING, "From a@b Mon Jan  6 09:00:00 2020\nwas closed\n", Text),
            (PARTED, "From a@b\nReceived: from x\n\tby y\nSubject: x\n", DoubtfulBoundary),
            (PARTED, "From what Bob says:\nFrom: Bob\nTo: Ann\nSubject: x\n\n", Text),
            (PARTED, "From now on\nNote: this is prose\n", Text),
            (PARTED, "From a@b Mon Jan  6 09:00:00 2020", Text),
        ] {
            assert_eq!(judge(before, ahead.as_bytes()), expected, "{ahead}");
        }
    }

    #[test]
    fn more_bytes_never_turn_a_boundary_into_text() {
        let whole = b"From a@b\nMessage-ID: <1@b>\nSubject: x\n\nReceived text\nFrom here\n";
        let first = (0..whole.len()).find(|len| judge(PARTED, &whole[..*len]) != Verdict::Text).unwrap();
        assert!((first..whole.len()).all(|len| judge(PARTED, &whole[..len]) != Verdict::Text));
    }
}
