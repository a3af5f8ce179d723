//! What one message may hold. What goes over a bound is cut, a note says so, and the message stays: mail comes from
//! anyone, and one message must neither stop a run nor take the memory of a thousand others.

/// Bytes of a header block. Gmail sends up to 500 kB of headers to nobody, Exchange refuses more than 256 KiB.
pub(super) const HEADER_BYTES: usize = 256 * 1024;
/// Fields of a header block. Real mail has under 150; a mail of a million fields costs 130 MB in any parser.
pub(super) const HEADER_FIELDS: usize = 2_000;
/// Parts of a message. The digests of busy lists have a few hundred.
pub(super) const PARTS: usize = 1_000;
/// Multiparts within multiparts. Real mail has up to about ten (a signed forward of a forward). A message within a
/// message is never opened: it is one attachment, so that no mail can nest deeper than this.
pub(super) const DEPTH: usize = 100;
/// References of the HTML to parts. A newsletter repeats its spacer some hundred times.
pub(super) const REFERENCES: usize = 10_000;
/// Ids of one header that names messages. Threads of mailing lists pass 200; the first and the latest are kept.
pub(super) const IDS: usize = 500;
/// Addresses of one header. Exchange sends to at most 1,000 recipients at once.
pub(super) const ADDRESSES: usize = 2_000;
/// Characters of a subject. Mail programs cut theirs at a few hundred; the longest in public archives, all spam, have
/// nearly nine thousand.
pub(super) const SUBJECT_CHARS: usize = 10_000;
/// Characters of a display name or an address: a line of RFC 5322 2.1.1.
pub(super) const LINE_CHARS: usize = 998;
/// Characters of a media type: 127, a slash, 127 (RFC 6838 4.2).
pub(super) const MEDIA_TYPE_CHARS: usize = 255;
/// Authentication-Results headers; our own server's is the topmost.
pub(super) const AUTHENTICATION_HEADERS: usize = 20;
/// Notes on one message, so that a hostile mail cannot write a book about itself.
pub(super) const NOTES: usize = 20;
