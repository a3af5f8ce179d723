//! RTF as Outlook writes it: HTML or text that was wrapped into it (\[MS-OXRTFEX\]), or text of its own.

pub(super) mod compressed;
mod token;

use std::collections::BTreeMap;

use self::token::{Token, Tokens};
use super::codepage;

/// Groups within groups. Word writes up to about thirty; deeper ones keep the state of the last that is counted.
const MAX_GROUPS: usize = 500;

/// What RTF holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// The HTML that was wrapped into it.
    Html(String),
    /// Text.
    Text(String),
}

/// Reads RTF. Never fails: what is no RTF holds its letters.
pub(super) fn read(rtf: &[u8]) -> Held {
    // \[MS-OXRTFEX\] 2.2.1: the word stands among the first of the document.
    let wraps_html = Tokens::new(rtf).take(20).any(|token| matches!(token, Token::Word("fromhtml", Some(1..) | None)));
    let mut reader = Reader::new(wraps_html);
    Tokens::new(rtf).for_each(|token| reader.take(token));
    let text = reader.finish();
    if wraps_html { Held::Html(text) } else { Held::Text(text) }
}

/// What holds within one group and those in it.
#[derive(Clone, Copy, Debug)]
struct State {
    role: Role,
    /// `\htmlrtf`: what follows is for readers of RTF alone (\[MS-OXRTFEX\] 2.1.3.1.3).
    is_for_rtf: bool,
    /// `\v`: hidden text.
    is_hidden: bool,
    code_page: u16,
    /// How many characters stand in for one of `\u`.
    stand_ins: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Text of the document.
    Text,
    /// `\*\htmltag`: HTML of the original.
    Tag,
    /// The table of fonts.
    Fonts,
    /// Anything that is not read.
    Skipped,
}

struct Reader {
    wraps_html: bool,
    states: Vec<State>,
    /// Groups that are open beyond the bound.
    uncounted: usize,
    state: State,
    /// `\*` was just met: the group is skipped unless its word is known.
    is_optional: bool,
    default_code_page: u16,
    /// The code page of each font.
    fonts: BTreeMap<i32, u16>,
    /// The font that is being described or used.
    font: i32,
    /// Characters to leave out, which stand in for one of `\u`.
    to_skip: u32,
    /// Half of a character outside of the basic plane.
    high_surrogate: Option<u16>,
    bytes: Vec<u8>,
    out: String,
}

impl Reader {
    fn new(wraps_html: bool) -> Self {
        let state = State { role: Role::Text, is_for_rtf: false, is_hidden: false, code_page: 1252, stand_ins: 1 };
        Self {
            wraps_html,
            states: Vec::new(),
            uncounted: 0,
            state,
            is_optional: false,
            default_code_page: 1252,
            fonts: BTreeMap::new(),
            font: 0,
            to_skip: 0,
            high_surrogate: None,
            bytes: Vec::new(),
            out: String::new(),
        }
    }

    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Open => self.open(),
            Token::Close => self.close(),
            Token::Word(name, number) => self.word(name, number),
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::Escaped(byte) => self.text(&[byte]),
            Token::Text(bytes) => self.text(bytes),
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.out
    }

    fn open(&mut self) {
        self.flush();
        self.to_skip = 0;
        if self.states.len() < MAX_GROUPS {
            self.states.push(self.state);
        } else {
            self.uncounted += 1;
        }
    }

    fn close(&mut self) {
        self.flush();
        (self.to_skip, self.is_optional) = (0, false);
        if self.uncounted > 0 {
            self.uncounted -= 1;
        } else if let Some(state) = self.states.pop() {
            self.state = state;
        }
    }

    fn is_shown(&self) -> bool {
        match self.state.role {
            Role::Tag => true,
            Role::Text => !(self.state.is_for_rtf || self.state.is_hidden),
            Role::Fonts | Role::Skipped => false,
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        let skipped = bytes.len().min(self.to_skip as usize);
        self.to_skip -= u32::try_from(skipped).unwrap_or(self.to_skip);
        if self.is_shown() {
            self.bytes.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
        }
    }

    fn put(&mut self, text: &str) {
        self.flush();
        if self.is_shown() {
            self.out.push_str(text);
        }
    }

    /// Decodes the bytes that were gathered: characters of East Asia are two of them, written one by one.
    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            // The HTML that was wrapped is in the code page of the document, whatever font was in use.
            let code_page = if self.state.role == Role::Tag { self.default_code_page } else { self.state.code_page };
            self.out.push_str(&codepage::decode(&self.bytes, Some(code_page)));
            self.bytes.clear();
        }
    }

    fn symbol(&mut self, symbol: u8) {
        if self.to_skip > 0 && symbol != b'*' {
            self.to_skip -= 1;
            return;
        }
        match symbol {
            b'*' => self.is_optional = true,
            b'{' | b'}' | b'\\' => self.text(&[symbol]),
            b'~' => self.put(if self.wraps_html { "&nbsp;" } else { "\u{a0}" }),
            b'_' => self.put(if self.wraps_html { "&shy;" } else { "\u{2011}" }),
            b'\r' | b'\n' => self.put("\n"),
            _ => {}
        }
    }

    fn word(&mut self, name: &str, number: Option<i32>) {
        let is_optional = std::mem::take(&mut self.is_optional);
        let is_on = number != Some(0);
        self.to_skip = 0;
        match name {
            "htmltag" if is_optional && self.wraps_html => self.set_role(Role::Tag),
            "fonttbl" => self.set_role(Role::Fonts),
            "colortbl" | "stylesheet" | "info" | "pict" | "object" | "header" | "headerl" | "headerr" | "headerf" | "footer"
            | "footerl" | "footerr" | "footerf" | "footnote" | "annotation" | "fldinst" | "themedata" | "listtext"
                if !(self.wraps_html && name == "listtext") =>
            {
                self.set_role(Role::Skipped);
            }
            _ if is_optional => self.set_role(Role::Skipped),
            "htmlrtf" => self.change(|state| state.is_for_rtf = is_on),
            "v" => self.change(|state| state.is_hidden = is_on),
            "uc" => self.state.stand_ins = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1).min(8),
            "u" => self.unicode(number.unwrap_or_default()),
            "ansicpg" => {
                self.default_code_page = number.and_then(|page| u16::try_from(page).ok()).filter(|page| *page != 0).unwrap_or(1252);
                self.state.code_page = self.default_code_page;
            }
            "f" => self.use_font(number.unwrap_or_default()),
            "fcharset" if self.state.role == Role::Fonts => {
                if let Some(page) = number.and_then(code_page_of_charset) {
                    self.fonts.insert(self.font, page);
                }
            }
            "plain" => self.change(|state| state.is_hidden = false),
            "par" | "line" | "sect" | "page" | "row" => self.put("\n"),
            "tab" | "cell" | "nestcell" => self.put("\t"),
            _ => self.character(name),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut State)) {
        self.flush();
        change(&mut self.state);
    }

    /// A group that is not read does not become readable again by a word in it.
    fn set_role(&mut self, role: Role) {
        self.flush();
        if self.state.role != Role::Skipped {
            self.state.role = role;
        }
    }

    fn use_font(&mut self, font: i32) {
        self.flush();
        self.font = font;
        if self.state.role != Role::Fonts {
            self.state.code_page = self.fonts.get(&font).copied().unwrap_or(self.default_code_page);
        }
    }

    /// `\u`: one unit of UTF-16, signed; what stands in for it follows.
    fn unicode(&mut self, number: i32) {
        self.to_skip = self.state.stand_ins;
        let [low, high, ..] = number.to_le_bytes();
        let unit = u16::from_le_bytes([low, high]);
        let before = self.high_surrogate.take();
        let units: Vec<u16> = before.into_iter().chain([unit]).collect();
        if matches!(unit, 0xD800..=0xDBFF) {
            self.high_surrogate = Some(unit);
            return;
        }
        let text = String::from_utf16_lossy(&units);
        self.put(&text);
    }

    fn character(&mut self, name: &str) {
        let (html, text) = match name {
            "lquote" => ("&lsquo;", "‘"),
            "rquote" => ("&rsquo;", "’"),
            "ldblquote" => ("&ldquo;", "“"),
            "rdblquote" => ("&rdquo;", "”"),
            "bullet" => ("&bull;", "•"),
            "endash" => ("&ndash;", "–"),
            "emdash" => ("&mdash;", "—"),
            _ => return,
        };
        self.put(if self.wraps_html { html } else { text });
    }
}

/// The code page of a `\fcharset` (Rich Text Format 1.9.1, "Font table"); `None` for the default and for symbols.
fn code_page_of_charset(charset: i32) -> Option<u16> {
    Some(match charset {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 => 949,
        130 => 1361,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        255 => 437,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rtf: &str) -> String {
        match read(rtf.as_bytes()) {
            Held::Text(text) => text,
            Held::Html(html) => panic!("HTML: {html}"),
        }
    }

    #[test]
    fn text_is_what_a_reader_of_rtf_sees() {
        let rtf = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial;}}{\*\generator x;}\pard Hello\par
a\tab b {\v hidden}\{\'e4\}\line {\f1 \'ef\'f0} \u8364?\u-10179?\u-8704? \ldblquote x\rdblquote{\pict 00ff}\par}";
        assert_eq!(text(rtf), "Hello\na\tb {ä}\nпр €😀 “x”\n");
    }

    #[test]
    fn characters_of_two_bytes_are_whole() {
        assert_eq!(text(r"{\rtf1\ansicpg932\'93\'fa\'96{}{\fonttbl}\'7b}"), "日本".replace('本', "\u{fffd}{"));
        assert_eq!(text(r"{\rtf1\ansicpg932 \'93\'fa\'96\'7b}"), "日本");
    }

    #[test]
    fn html_that_was_wrapped_is_unwrapped() {
        // \[MS-OXRTFEX\] 4.1, shortened.
        let rtf = r"{\rtf1\ANSI\ansicpg1251\fromhtml1 \deff0{\fonttbl {\f0\fmodern Courier New;}{\f1\fswiss Arial;}}
{\colortbl\red0\green0\blue0;}
{\*\htmltag18 <HEAD>}{\*\htmltag34 <TITLE>Test</TITLE>}{\*\htmltag64 <P>}\htmlrtf {\htmlrtf0 A link:
{\field{\*\fldinst{HYPERLINK http://a.example}}{\fldrslt\cf1\ul {\*\htmltag84 <A href=http://a.example>}a{\*\htmltag92 </A>}}}
{\*\htmltag84 &amp;}\htmlrtf &\htmlrtf0 \'ef\htmlrtf\par}\htmlrtf0
{\*\mhtmltag84 <A href=x>}\par {\*\htmltag27 </BODY>}}";
        let Held::Html(html) = read(rtf.as_bytes()) else { panic!("no HTML") };
        assert_eq!(html, "<HEAD><TITLE>Test</TITLE><P>A link:<A href=http://a.example>a</A>&amp;п\n</BODY>");
    }

    #[test]
    fn groups_without_end_take_no_memory_without_end() {
        let deep = "{".repeat(1_000_000) + "a" + &"}".repeat(1_000_000) + "b";
        assert_eq!(text(&deep), "ab");
    }
}
