//! One line of a body, and what the markup around it said.

/// What the HTML said about the place of a line; plain text says [`Region::Body`] everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    /// Nothing in particular.
    Body,
    /// Inside what the program marked as a signature.
    Signature,
    /// Inside the line that introduces a quote.
    Attribution,
    /// Inside a container of quoted history.
    Quote,
    /// Inside the block of headers that Outlook puts above the history.
    Headers,
    /// Inside a container of a forwarded message.
    Forward,
    /// Inside a blockquote that is the author's own layout.
    Indent,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The line without its end; trailing white space is still there, as `-- ` needs it.
    pub(super) text: String,
    /// Where it stood.
    pub(super) region: Region,
}

impl Line {
    /// A line of plain text.
    pub(super) fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), region: Region::Body }
    }

    /// Nothing to see.
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}
