//! RTF, taken apart (Rich Text Format 1.9.1, "Basic entities"). Linear, and nothing is an error.

/// One piece of RTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'x> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `\name` with its number, if any.
    Word(&'x str, Option<i32>),
    /// `\` and a character that is no letter.
    Symbol(u8),
    /// A byte of text, written as `\'hh`.
    Escaped(u8),
    /// Bytes of text as they are, without line ends, which mean nothing.
    Text(&'x [u8]),
}

/// The longest name and the longest number of a control word.
const MOST_LETTERS: usize = 32;
const MOST_DIGITS: usize = 10;

/// The tokens of some RTF.
pub(super) struct Tokens<'x> {
    rest: &'x [u8],
}

impl<'x> Tokens<'x> {
    pub(super) fn new(rtf: &'x [u8]) -> Self {
        Self { rest: rtf }
    }

    fn take(&mut self, length: usize) -> &'x [u8] {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    fn control(&mut self) -> Option<Token<'x>> {
        let first = *self.rest.first()?;
        if first == b'\'' {
            let digits = self.take(3).get(1..).unwrap_or_default();
            let value = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
            return Some(Token::Escaped(value.unwrap_or(b'?')));
        }
        if !first.is_ascii_alphabetic() {
            self.take(1);
            return Some(Token::Symbol(first));
        }
        let letters = self.rest.iter().take(MOST_LETTERS).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let name = std::str::from_utf8(self.take(letters)).unwrap_or_default();
        let sign = usize::from(self.rest.first() == Some(&b'-'));
        let digits = self.rest.iter().skip(sign).take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
        let number = if digits == 0 { None } else { std::str::from_utf8(self.take(sign + digits)).ok() };
        if self.rest.first() == Some(&b' ') {
            self.take(1);
        }
        Some(Token::Word(name, number.map(|number| number.parse().unwrap_or_default())))
    }
}

impl<'x> Iterator for Tokens<'x> {
    type Item = Token<'x>;

    fn next(&mut self) -> Option<Token<'x>> {
        loop {
            match self.rest.first()? {
                b'{' => {
                    self.take(1);
                    return Some(Token::Open);
                }
                b'}' => {
                    self.take(1);
                    return Some(Token::Close);
                }
                b'\\' => {
                    self.take(1);
                    return self.control();
                }
                b'\r' | b'\n' | b'\0' => {
                    self.take(1);
                }
                _ => {
                    let is_text = |byte: &&u8| !matches!(byte, b'{' | b'}' | b'\\' | b'\r' | b'\n' | b'\0');
                    let length = self.rest.iter().take_while(is_text).count();
                    return Some(Token::Text(self.take(length)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtf_is_taken_apart() {
        let tokens: Vec<_> = Tokens::new(b"{\\rtf1 a\\'e4\\par\r\nb\\u-10?\\~\\*}").collect();
        assert_eq!(
            tokens,
            [
                Token::Open,
                Token::Word("rtf", Some(1)),
                Token::Text(b"a"),
                Token::Escaped(0xE4),
                Token::Word("par", None),
                Token::Text(b"b"),
                Token::Word("u", Some(-10)),
                Token::Text(b"?"),
                Token::Symbol(b'~'),
                Token::Symbol(b'*'),
                Token::Close,
            ]
        );
    }

    #[test]
    fn what_ends_early_ends() {
        for rtf in [b"\\".as_slice(), b"\\'", b"\\'4", b"\\u", b"\\u-", b"{"] {
            assert!(Tokens::new(rtf).count() <= 2, "{rtf:?}");
        }
    }
}
