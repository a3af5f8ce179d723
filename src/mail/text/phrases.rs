//! The words of mail programs and of machines that add to mail. The words themselves are data, in `phrases.txt` (a paragraph
//! for each language, so that a new language is one new paragraph) and `notices.txt` (a paragraph for each purpose).

const LANGUAGES: &str = include_str!("phrases.txt");
const NOTICES: &str = include_str!("notices.txt");

/// What words are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Ends an attribution.
    Wrote,
    /// Stands inside an attribution.
    WroteInside,
    /// The header From above history.
    From,
    /// Sent or Date.
    Sent,
    /// To.
    To,
    /// Subject.
    Subject,
    /// Any other header above history.
    OtherHeader,
    /// Above the message that is answered.
    Original,
    /// Above a message that is passed on.
    Forwarded,
    /// Begins the line of a mobile program.
    SentFrom,
    /// A device or program in such a line.
    Device,
    /// Warns of an outside sender.
    Banner,
    /// Stands in such a warning.
    BannerCue,
    /// Begins a legal notice.
    NoticeHeading,
    /// What a legal notice is about.
    NoticeSubject,
    /// A term of a legal notice.
    NoticeTerm,
    /// In the footer of a list or a scanner.
    Footer,
    /// Says that the answers stand inside the history.
    InlineAnswers,
    /// The line of a ticket system above which people answer.
    ReplyLine,
}

impl Purpose {
    /// All words for this purpose, in lower case, in all languages.
    pub(super) fn words(self) -> Vec<&'static str> {
        match self {
            Self::Wrote => of_languages("wrote"),
            Self::WroteInside => of_languages("wrote inside"),
            Self::From => of_languages("from"),
            Self::Sent => of_languages("sent"),
            Self::To => of_languages("to"),
            Self::Subject => of_languages("subject"),
            Self::Original => of_languages("original"),
            Self::Forwarded => of_languages("forwarded"),
            Self::SentFrom => of_languages("sent from"),
            Self::OtherHeader => of_notices("other header"),
            Self::Device => of_notices("device"),
            Self::Banner => of_notices("banner"),
            Self::BannerCue => of_notices("banner cue"),
            Self::NoticeHeading => of_notices("notice heading"),
            Self::NoticeSubject => of_notices("notice subject"),
            Self::NoticeTerm => of_notices("notice term"),
            Self::Footer => of_notices("footer"),
            Self::InlineAnswers => of_notices("inline answers"),
            Self::ReplyLine => of_notices("reply line"),
        }
    }
}

/// Lines `key: word | word` of all paragraphs.
fn of_languages(key: &str) -> Vec<&'static str> {
    let rows = LANGUAGES.lines().filter(|line| line.starts_with(' ')).filter_map(|line| line.trim().split_once(':'));
    rows.filter(|(name, _)| *name == key).flat_map(|(_, words)| words.split(" | ")).map(str::trim).collect()
}

/// The indented lines below the line that is the key.
fn of_notices(key: &str) -> Vec<&'static str> {
    let below = NOTICES.lines().skip_while(|line| *line != key).skip(1);
    below.take_while(|line| line.starts_with(' ')).flat_map(|line| line.split(" | ")).map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::{LANGUAGES, Purpose};

    const ALL: [Purpose; 19] = [
        Purpose::Wrote,
        Purpose::WroteInside,
        Purpose::From,
        Purpose::Sent,
        Purpose::To,
        Purpose::Subject,
        Purpose::OtherHeader,
        Purpose::Original,
        Purpose::Forwarded,
        Purpose::SentFrom,
        Purpose::Device,
        Purpose::Banner,
        Purpose::BannerCue,
        Purpose::NoticeHeading,
        Purpose::NoticeSubject,
        Purpose::NoticeTerm,
        Purpose::Footer,
        Purpose::InlineAnswers,
        Purpose::ReplyLine,
    ];

    #[test]
    fn every_purpose_has_words_in_lower_case() {
        for purpose in ALL {
            let words = purpose.words();
            assert!(words.len() > 5, "{purpose:?}");
            for word in words {
                assert!(!word.is_empty() && !word.contains('|'), "{purpose:?}: {word}");
                assert_eq!(word.to_lowercase(), word, "{purpose:?}");
            }
        }
    }

    #[test]
    fn every_language_has_all_that_it_needs() {
        let paragraphs: Vec<&str> = LANGUAGES.split("\n\n").filter(|paragraph| !paragraph.starts_with('#')).collect();
        assert!(paragraphs.len() > 30);
        for paragraph in paragraphs {
            for key in ["wrote", "from", "sent", "to", "subject", "original", "forwarded", "sent from"] {
                let found =
                    paragraph.lines().filter(|line| line.trim().split_once(':').is_some_and(|(name, _)| name == key)).count();
                assert_eq!(found, 1, "{key} in {paragraph}");
            }
        }
    }
}
