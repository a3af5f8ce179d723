//! HTML source → tags and text, in one pass over the source. Knows nothing of nesting.

use memchr::memchr;

/// Elements whose content is no HTML; it ends at their own end tag and is never text of the mail.
const RAW: &[&str] = &["script", "style", "title", "xmp", "iframe", "noembed", "noframes", "textarea"];

/// A piece of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text, entities still encoded.
    Text(&'a str),
    /// A start tag.
    Open(Tag<'a>),
    /// An end tag: its name in lower case.
    Close(String),
    /// The content of a style element.
    Style(&'a str),
}

/// A start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// In lower case.
    pub(super) name: String,
    /// Where it began, counted from the end of the source in bytes: names it among the tags of this source.
    pub(super) place: usize,
    attributes: &'a str,
}

impl Tag<'_> {
    /// The value of an attribute, entities still encoded; the first one counts.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        Attributes { rest: self.attributes }.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The attributes inside a tag.
struct Attributes<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=' || c == '/').unwrap_or(rest.len()).max(1);
        let (key, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let after = rest.trim_start();
        let Some(value) = after.strip_prefix('=') else {
            self.rest = rest;
            return Some((key, ""));
        };
        let value = value.trim_start();
        for quote in ['"', '\''] {
            if let Some(quoted) = value.strip_prefix(quote) {
                let (value, rest) = quoted.split_once(quote).unwrap_or((quoted, ""));
                self.rest = rest;
                return Some((key, value));
            }
        }
        let end = value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len());
        let (value, rest) = value.split_at_checked(end).unwrap_or((value, ""));
        self.rest = rest;
        Some((key, value))
    }
}

/// Walks over the source.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// The content of the raw element that was just opened, and what follows it.
    style: Option<&'a str>,
    /// A quote that opens in a tag and never closes: from here on tags end at the next `>`.
    torn_quote: bool,
    /// Raw elements that never close: their tags count for nothing.
    unclosed: Vec<&'static str>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { rest: source, style: None, torn_quote: false, unclosed: Vec::new() }
    }

    /// Goes on behind the end tag that closes an element of this name, counting those that nest in it. Stays where it is and
    /// says `false` where there is none.
    pub(super) fn skip_element(&mut self, name: &str) -> bool {
        let mut ahead = self.clone();
        let mut depth = 1_usize;
        while let Some(token) = ahead.next() {
            match token {
                Token::Open(tag) if tag.name == name => depth += 1,
                Token::Close(close) if close == name => depth -= 1,
                Token::Text(_) | Token::Open(_) | Token::Close(_) | Token::Style(_) => {}
            }
            if depth == 0 {
                *self = ahead;
                return true;
            }
        }
        false
    }

    fn split(&mut self, at: usize) -> &'a str {
        let (head, tail) = self.rest.split_at_checked(at).unwrap_or((self.rest, ""));
        self.rest = tail;
        head
    }

    /// Behind `<!`: a comment ends at `-->`, everything else at `>`.
    fn skip_declaration(&mut self) {
        let end = if self.rest.starts_with("<!--") {
            // `<!-->` is a whole comment, too (HTML 13.2.5.43).
            self.rest.get(2..).and_then(|inner| inner.find("-->")).map(|i| i + 5)
        } else {
            memchr(b'>', self.rest.as_bytes()).map(|i| i + 1)
        };
        self.split(end.unwrap_or(self.rest.len()));
    }

    /// The length of the tag at the start of the rest, its `>` included.
    fn tag_length(&mut self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        if self.torn_quote {
            return memchr(b'>', bytes).map(|i| i + 1);
        }
        let mut quote = None;
        let mut before_value = false;
        for (i, &byte) in bytes.iter().enumerate() {
            match (quote, byte) {
                (None, b'>') => return Some(i + 1),
                (None, b'"' | b'\'') if before_value => quote = Some(byte),
                (Some(open), close) if open == close => quote = None,
                _ => {}
            }
            before_value = byte == b'=' || (before_value && byte.is_ascii_whitespace());
        }
        self.torn_quote = true;
        memchr(b'>', bytes).map(|i| i + 1)
    }

    /// Jumps over the content of a raw element.
    fn skip_raw(&mut self, name: &str) {
        let Some(&raw) = RAW.iter().find(|raw| **raw == name && !self.unclosed.contains(raw)) else { return };
        let close = self.rest.match_indices("</").map(|(i, _)| i).find(|&i| {
            let after = self.rest.get(i + 2..).unwrap_or_default();
            after.get(..raw.len()).is_some_and(|found| found.eq_ignore_ascii_case(raw))
        });
        match close {
            Some(end) => {
                let content = self.split(end);
                self.style = (raw == "style").then_some(content);
            }
            None => self.unclosed.push(raw),
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(style) = self.style.take() {
                return Some(Token::Style(style));
            }
            if self.rest.is_empty() {
                return None;
            }
            let second = self.rest.as_bytes().get(1).copied().unwrap_or(b' ');
            if !self.rest.starts_with('<') {
                let end = memchr(b'<', self.rest.as_bytes()).unwrap_or(self.rest.len());
                return Some(Token::Text(self.split(end)));
            }
            if second == b'!' || second == b'?' {
                self.skip_declaration();
                continue;
            }
            let close = second == b'/' && self.rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic);
            if !close && !second.is_ascii_alphabetic() {
                return Some(Token::Text(self.split(1)));
            }
            let place = self.rest.len();
            let Some(length) = self.tag_length() else {
                let all = self.rest.len();
                return Some(Token::Text(self.split(all)));
            };
            let inside = self.split(length).trim_start_matches(['<', '/']).trim_end_matches('>');
            let end = inside.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inside.len());
            let (name, attributes) = inside.split_at_checked(end).unwrap_or((inside, ""));
            let name = name.to_ascii_lowercase();
            if close {
                return Some(Token::Close(name));
            }
            self.skip_raw(&name);
            return Some(Token::Open(Tag { name, place, attributes }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, Tokens};

    fn shape(source: &str) -> String {
        Tokens::new(source)
            .map(|token| match token {
                Token::Text(text) => text.to_owned(),
                Token::Open(tag) => format!("[{}]", tag.name),
                Token::Close(name) => format!("[/{name}]"),
                Token::Style(style) => format!("[style: {style}]"),
            })
            .collect()
    }

    #[test]
    fn tags_end_outside_of_quotes() {
        assert_eq!(shape(r#"a<B title="x>y" c='>'>d</B >e"#), "a[b]d[/b]e");
    }

    #[test]
    fn comments_and_scripts_are_no_text() {
        assert_eq!(
            shape("a<!-- <b> -->b<![if !mso]>c<script>if (a<b) {}</SCRIPT>d<style>p{}</style>"),
            "abc[script][/script]d[style][style: p{}][/style]"
        );
    }

    #[test]
    fn signs_that_open_nothing_are_text() {
        assert_eq!(shape("1 < 2 and <3 <unclosed"), "1 < 2 and <3 <unclosed");
        assert_eq!(shape(r#"<a href="x>y <b>z"#), "[a]y [b]z");
        assert_eq!(shape("<script>never closed <p>text"), "[script]never closed [p]text");
    }

    #[test]
    fn attributes_are_read_in_every_form() {
        let Some(Token::Open(tag)) = Tokens::new("<a HREF = 'one' b=two/x c d=\"\">").next() else { panic!("a tag") };
        assert_eq!(
            (tag.attribute("href"), tag.attribute("b"), tag.attribute("c"), tag.attribute("d")),
            (Some("one"), Some("two/x"), Some(""), Some(""))
        );
        assert_eq!(tag.attribute("e"), None);
    }
}
