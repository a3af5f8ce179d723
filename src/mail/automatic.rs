//! Whether a program wrote a message, and for what: an answer by itself, a delivery report, a receipt.
//!
//! A header that is made for saying so decides alone (RFC 3834, 3464, 8098, 6047). Everything else is a hint, and one hint
//! decides nothing: servers put X-Auto-Response-Suppress on all mail of a list, exports leave `Return-Path: <>` behind, and
//! people write "Out of office" into subjects. Where only hints speak there have to be two, and they have to agree.

use serde::Serialize;

/// What a program wrote, and by which sign that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Automatic {
    /// What it is.
    pub kind: Kind,
    /// The sign, for people.
    pub sign: &'static str,
}

/// The kinds of messages that programs write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A server says what became of a message (RFC 3464), or cannot deliver it.
    DeliveryReport,
    /// A mail program says that a message was shown (RFC 8098).
    ReadReceipt,
    /// An answer that nobody wrote for this one message: out of office, "we have received your request".
    Answer,
    /// An answer to an invitation (RFC 6047): accepted, declined, another time.
    CalendarAnswer,
    /// Bulk mail that can be unsubscribed from and not be answered to: a newsletter.
    Newsletter,
    /// Anything else that calls itself automatic: tickets, alerts, invoices. People's words are often in it.
    Notice,
}

/// What a message shows of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs<'m> {
    /// The first words of the Auto-Submitted headers, in lower case.
    pub(super) auto_submitted: &'m [String],
    /// Whether a header of the time before RFC 3834 calls it an answer: X-Autoreply, X-Autorespond.
    pub(super) says_answer: Said,
    /// Precedence, in lower case.
    pub(super) precedence: &'m str,
    /// Whether X-Auto-Response-Suppress asks for no answers ([MS-OXCMAIL] 2.1.3.2.20).
    pub(super) suppresses_answers: Said,
    /// Whether Return-Path is `<>`, as it is for mail that must not be answered (RFC 5321 4.5.5).
    pub(super) null_return_path: Said,
    /// Whether there is a List-Unsubscribe.
    pub(super) unsubscribe: Said,
    /// Whether it came by a list that people take part in: one that takes posts (List-Post other than `NO`) or subscribers
    /// by mail (List-Subscribe).
    pub(super) list_of_people: Said,
    /// Whether it names a message that it answers.
    pub(super) answers: Said,
    /// The subject.
    pub(super) subject: &'m str,
    /// The author's address, folded.
    pub(super) author: &'m str,
    /// The report type of a `multipart/report`, in lower case (RFC 6522); empty for anything else.
    pub(super) report_type: &'m str,
    /// The media types of the parts of a `multipart/report`.
    pub(super) report_parts: &'m [&'m str],
    /// The methods of its `text/calendar` parts, in lower case.
    pub(super) calendar_methods: &'m [String],
}

/// Whether something is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Said {
    /// It is.
    Yes,
    /// It is not.
    #[default]
    No,
}

impl From<bool> for Said {
    fn from(is_said: bool) -> Self {
        if is_said { Self::Yes } else { Self::No }
    }
}

/// What a program wrote; `None` for what a person did, or may have done.
pub(super) fn automatic(signs: &Signs<'_>) -> Option<Automatic> {
    let found = |kind, sign| Automatic { kind, sign };
    report(signs)
        .or_else(|| answer(signs).map(|sign| found(Kind::Answer, sign)))
        .or_else(|| calendar_answer(signs).map(|sign| found(Kind::CalendarAnswer, sign)))
        .or_else(|| is_newsletter(signs).then(|| found(Kind::Newsletter, "Precedence: bulk and List-Unsubscribe")))
        .or_else(|| is_automatic(signs).then(|| found(Kind::Notice, "Auto-Submitted: auto-generated")))
}

fn report(signs: &Signs<'_>) -> Option<Automatic> {
    let has = |wanted: &[&str]| signs.report_parts.iter().any(|part| wanted.contains(part));
    let (kind, sign) =
        if signs.report_type == "delivery-status" || has(&["message/delivery-status", "message/global-delivery-status"]) {
            (Kind::DeliveryReport, "multipart/report; report-type=delivery-status")
        } else if signs.report_type == "disposition-notification"
            || has(&["message/disposition-notification", "message/global-disposition-notification"])
        {
            (Kind::ReadReceipt, "multipart/report; report-type=disposition-notification")
        } else if is_old_bounce(signs) {
            (Kind::DeliveryReport, "written by mailer-daemon")
        } else {
            return None;
        };
    Some(Automatic { kind, sign })
}

/// A bounce of a server that knows no RFC 3464 (qmail, Exim, old ones): by its author, and by a second sign.
fn is_old_bounce(signs: &Signs<'_>) -> bool {
    let by_daemon = signs.author.split('@').next() == Some("mailer-daemon");
    by_daemon && (signs.null_return_path == Said::Yes || starts_with_any(signs.subject, BOUNCES))
}

fn answer(signs: &Signs<'_>) -> Option<&'static str> {
    if signs.auto_submitted.iter().any(|word| word == "auto-replied") {
        return Some("Auto-Submitted: auto-replied");
    }
    if signs.precedence == "auto_reply" {
        return Some("Precedence: auto_reply");
    }
    if signs.says_answer == Said::Yes {
        return Some("X-Autoreply");
    }
    // Lists and servers put the weaker signs on people's mail too, so that a phrase beside them must be one that
    // programs put before a subject, and not one that people use.
    let marked = starts_with_any(signs.subject, MARKS);
    let strong = is_automatic(signs) || signs.null_return_path == Said::Yes;
    let weak = signs.suppresses_answers == Said::Yes || matches!(signs.precedence, "bulk" | "junk");
    if marked && (strong || weak) {
        return Some("a subject that automatic answers have, and a header that agrees");
    }
    (strong && starts_with_any(signs.subject, ABSENCES)).then_some("a subject of somebody who is away, and a header that agrees")
}

fn calendar_answer(signs: &Signs<'_>) -> Option<&'static str> {
    signs.calendar_methods.iter().find_map(|method| match method.as_str() {
        "reply" => Some("text/calendar; method=REPLY"),
        "counter" => Some("text/calendar; method=COUNTER"),
        "declinecounter" => Some("text/calendar; method=DECLINECOUNTER"),
        "refresh" => Some("text/calendar; method=REFRESH"),
        _ => None,
    })
}

/// Lists of people were bulk mail to the list servers of the time, and can be unsubscribed from as well: what sets a
/// newsletter apart is that nobody can post to it or join it by mail, and that it answers nothing. (The lists of the Linux
/// kernel say `Precedence: bulk` and have no List-Post.)
fn is_newsletter(signs: &Signs<'_>) -> bool {
    let bulk = matches!(signs.precedence, "bulk" | "junk");
    bulk && signs.unsubscribe == Said::Yes && signs.list_of_people == Said::No && signs.answers == Said::No
}

fn is_automatic(signs: &Signs<'_>) -> bool {
    signs.auto_submitted.iter().any(|word| word != "no" && !word.is_empty())
}

/// Whether a subject begins with a phrase, whatever its case. One that is answered begins with `Re:` and does not.
fn starts_with_any(subject: &str, phrases: &[&str]) -> bool {
    const LONGEST: usize = 60;
    let subject: String = subject.chars().take(LONGEST).flat_map(char::to_lowercase).collect();
    phrases.iter().any(|phrase| subject.starts_with(phrase))
}

/// Subjects of bounces: Postfix, Exim, qmail, sendmail, Exchange, in the words that they put first.
const BOUNCES: &[&str] = &[
    "undelivered mail returned",
    "undeliverable",
    "undeliverable:",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery subsystem",
    "delivery status notification",
    "delivery failure",
    "delivery delayed",
    "failure notice",
    "returned mail",
    "warning: could not send message",
    "warning: message",
    "unzustellbar",
    "nicht zustellbar",
    "non remis",
    "échec de la remise",
    "no se puede entregar",
    "não é possível entregar",
    "impossibile recapitare",
];

/// What mail programs put before the subject of an automatic answer, in lower case.
#[rustfmt::skip]
const MARKS: &[&str] = &[
    "automatic reply:", "automatic response:", "auto-reply:", "autoreply:", "auto reply:", "auto response:", "auto-response:",
    "[auto-reply]", "[autoreply]", "autoresponder:",
    "automatische antwort:", "autom. antwort:", "automatisierte antwort:", "abwesenheitsnotiz:", "automatische abwesenheitsnotiz",
    "réponse automatique :", "réponse automatique:", "réponse automatique\u{a0}:", "respuesta automática:", "respuesta automatica:",
    "resposta automática:", "risposta automatica:", "resposta automàtica:", "automatisch antwoord:", "automatische reactie:",
    "autosvar:", "automatiskt svar:", "automatisk svar:", "automaattinen vastaus:", "sjálfvirkt svar:",
    "automatyczna odpowiedź:", "autoodpowiedź:", "odpowiedź automatyczna:", "automatická odpověď:", "automatická odpoveď:",
    "automatikus válasz:", "răspuns automat:", "automatski odgovor:", "samodejni odgovor:", "automaatvastus:", "automātiska atbilde:",
    "automatinis atsakymas:", "otomatik yanıt:", "automatische antwoord:",
    "автоматический ответ:", "автоответ:", "автоматична відповідь:", "автоматичен отговор:", "αυτόματη απάντηση:",
    "תשובה אוטומטית:", "رد تلقائي:", "ตอบกลับอัตโนมัติ:", "trả lời tự động:", "balasan otomatis:",
    "自動応答:", "自動返信:", "自動応答：", "自動返信：", "自动答复:", "自动回复:", "自动答复：", "自动回复：", "自動回覆:", "自動回覆：", "자동 회신:", "자동 응답:",
];

/// What automatic answers, and people, begin a subject with when somebody is away, in lower case.
#[rustfmt::skip]
const ABSENCES: &[&str] = &[
    "out of office", "out of the office", "out-of-office", "ooo:", "on vacation", "vacation reply", "away from the office", "away from my mail",
    "abwesend", "abwesenheit", "nicht im büro", "außer haus", "urlaub",
    "absence du bureau", "absent du bureau", "absence :", "je suis absent", "absente",
    "fuera de la oficina", "fuera de oficina", "ausente", "ausencia",
    "fora do escritório", "ausência", "estou fora", "fuori sede", "fuori ufficio", "assente", "assenza",
    "afwezig", "niet op kantoor", "frånvaro", "frånvarande", "ikke på kontoret", "fraværende", "fravær", "poissa", "poissaolo",
    "poza biurem", "nieobecność", "mimo kancelář", "mimo kanceláriu", "nepřítomnost", "házon kívül", "nem vagyok az irodában",
    "absent din birou", "în afara biroului", "izvan ureda", "odsoten", "ofis dışında", "ofiste değilim",
    "нет на месте", "вне офиса", "отсутствие в офисе", "поза офісом", "εκτός γραφείου", "מחוץ למשרד", "خارج المكتب",
    "不在", "不在通知", "外出", "休假", "부재중",
];

#[cfg(test)]
mod tests {
    use super::{ABSENCES, BOUNCES, Kind, MARKS};
    use crate::mail::parse;

    /// What a message with these headers, its subject first, is taken for.
    fn kind(subject: &str, headers: &str) -> Option<Kind> {
        let raw = format!("From: Ann <ann@acme.example>\nTo: bob@ourco.example\nSubject: {subject}\n{headers}\n\nWords.\n");
        parse(raw.as_bytes()).automatic.map(|automatic| automatic.kind)
    }

    #[test]
    fn a_header_that_is_made_for_it_decides_alone() {
        for headers in [
            "Auto-Submitted: auto-replied",
            "auto-submitted: Auto-Replied (vacation)",
            "Auto-Submitted: auto-replied; owner-email=\"ann@acme.example\"",
            "Auto-Submitted: (made by a rule) auto-replied",
            "Auto-Submitted: no\nAuto-Submitted: auto-replied",
            "Precedence: auto_reply",
            "X-Autoreply: yes",
            "X-Autorespond: Re: plan",
        ] {
            assert_eq!(kind("Re: plan", headers), Some(Kind::Answer), "{headers}");
        }
        for headers in ["Auto-Submitted: auto-generated", "Auto-Submitted: auto-notified; x=y", "Auto-Submitted: something-new"] {
            assert_eq!(kind("Ticket 7: plan", headers), Some(Kind::Notice), "{headers}");
        }
    }

    #[test]
    fn a_subject_of_any_language_decides_only_beside_a_header() {
        for subject in [
            "Automatic reply: plan",
            "Automatische Antwort: Plan",
            "=?utf-8?q?R=C3=A9ponse_automatique_=3A?= plan",
            "=?utf-8?b?6Ieq5YuV5b+c562UOiBwbGFu?=",
            "Автоматический ответ: план",
            "Respuesta automática: plan",
        ] {
            assert_eq!(kind(subject, "X-Auto-Response-Suppress: All"), Some(Kind::Answer), "{subject}");
            assert_eq!(kind(subject, "Auto-Submitted: auto-generated"), Some(Kind::Answer), "{subject}");
            assert_eq!(kind(subject, "Return-Path: <>"), Some(Kind::Answer), "{subject}");
            assert_eq!(kind(subject, "X-Mailer: Any"), None, "{subject}");
        }
        for subject in ["Out of Office until Monday", "Abwesend bis 5. März", "Frånvaro", "Absence du bureau", "不在通知"] {
            assert_eq!(kind(subject, "Return-Path: <>"), Some(Kind::Answer), "{subject}");
            assert_eq!(kind(subject, "Auto-Submitted: auto-generated"), Some(Kind::Answer), "{subject}");
        }
    }

    #[test]
    fn what_a_person_wrote_is_none_of_it() {
        for (subject, headers) in [
            ("plan", ""),
            ("plan", "Auto-Submitted: no"),
            ("plan", "Auto-Submitted: NO (really)"),
            ("plan", "Auto-Submitted:"),
            ("plan", "X-Auto-Response-Suppress: OOF, DR, RN, NRN"),
            ("plan", "Return-Path: <>"),
            ("plan", "Precedence: bulk"),
            ("plan", "X-Autoreply: no"),
            ("Out of office next week", "X-Mailer: Any"),
            // Exchange puts it on the mail of lists, and people announce that they are away there.
            ("Out of office next week", "X-Auto-Response-Suppress: All\nPrecedence: list"),
            ("Re: Automatic reply: plan", "X-Auto-Response-Suppress: All"),
            ("AW: Abwesenheitsnotiz: Plan", "Return-Path: <>"),
            ("Undeliverable: plan", "Return-Path: <>"),
            ("We automatic reply: why", "Return-Path: <>"),
        ] {
            assert_eq!(kind(subject, headers), None, "{subject}: {headers}");
        }
    }

    #[test]
    fn a_list_of_people_is_no_newsletter() {
        let unsubscribe = "Precedence: bulk\nList-Unsubscribe: <mailto:off@lists.example>\nList-Id: <dev.lists.example>";
        assert_eq!(kind("Spring news", unsubscribe), Some(Kind::Newsletter));
        assert_eq!(kind("Spring news", &format!("{unsubscribe}\nList-Post: NO (announcements)")), Some(Kind::Newsletter));
        assert_eq!(kind("plan", &format!("{unsubscribe}\nList-Post: <mailto:dev@lists.example>")), None);
        assert_eq!(kind("[PATCH] plan", &format!("{unsubscribe}\nList-Subscribe: <mailto:on@lists.example>")), None);
        assert_eq!(kind("Re: plan", &format!("{unsubscribe}\nIn-Reply-To: <1@acme.example>")), None);
        assert_eq!(kind("plan", &unsubscribe.replace("bulk", "list")), None);
        assert_eq!(kind("plan", "List-Unsubscribe: <mailto:off@lists.example>"), None);
    }

    fn report(report_type: &str, part: &str) -> Option<Kind> {
        let raw = format!(
            "From: postmaster@acme.example\nTo: bob@ourco.example\nContent-Type: multipart/report; {report_type}boundary=b\n\n\
             --b\n\nIt is said.\n--b\nContent-Type: {part}\n\nA: b\n--b--\n"
        );
        parse(raw.as_bytes()).automatic.map(|automatic| automatic.kind)
    }

    #[test]
    fn reports_are_known_by_their_type_or_by_their_parts() {
        let (delivery, receipt) = (Some(Kind::DeliveryReport), Some(Kind::ReadReceipt));
        assert_eq!(report("report-type=Delivery-Status; ", "text/plain"), delivery);
        assert_eq!(report("", "message/delivery-status"), delivery);
        assert_eq!(report("report-type=\"disposition-notification\"; ", "text/plain"), receipt);
        assert_eq!(report("", "message/disposition-notification"), receipt);
        assert_eq!(report("report-type=feedback-report; ", "message/feedback-report"), None);
    }

    #[test]
    fn a_report_that_a_person_passes_on_is_the_persons() {
        let bounce = "Content-Type: multipart/report; report-type=delivery-status; boundary=i\n\n--i\n\nx\n--i--\n";
        let raw = format!(
            "From: ann@acme.example\nTo: bob@ourco.example\nContent-Type: multipart/mixed; boundary=b\n\n\
             --b\n\nWhy did this come back?\n--b\nContent-Type: message/rfc822\n\n{bounce}--b--\n"
        );
        assert_eq!(parse(raw.as_bytes()).automatic, None);
    }

    #[test]
    fn an_old_bounce_is_known_by_its_author_and_one_more_sign() {
        let by = |from: &str, headers: &str, subject: &str| {
            let raw = format!("{headers}From: {from}\nTo: bob@ourco.example\nSubject: {subject}\n\nIt came back.\n");
            parse(raw.as_bytes()).automatic.map(|automatic| automatic.kind)
        };
        assert_eq!(by("MAILER-DAEMON@mx.acme.example", "", "failure notice"), Some(Kind::DeliveryReport));
        assert_eq!(by("Mailer-Daemon@mx.acme.example", "Return-Path: <>\n", "About your mail"), Some(Kind::DeliveryReport));
        assert_eq!(by("mailer-daemon@mx.acme.example", "", "About your mail"), None);
        assert_eq!(by("postmaster@acme.example", "", "Returned mail: what shall we do?"), None);
    }

    #[test]
    fn answers_to_invitations_are_told_from_invitations() {
        let with = |method: &str| {
            let raw = format!(
                "From: ann@acme.example\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nYes\n--b\n\
                 Content-Type: text/calendar; method={method}\n\nBEGIN:VCALENDAR\nMETHOD:{method}\nEND:VCALENDAR\n--b--\n"
            );
            parse(raw.as_bytes()).automatic.map(|automatic| automatic.kind)
        };
        for method in ["REPLY", "\"counter\"", "REFRESH", "DeclineCounter"] {
            assert_eq!(with(method), Some(Kind::CalendarAnswer), "{method}");
        }
        for method in ["REQUEST", "CANCEL", "PUBLISH", "ADD"] {
            assert_eq!(with(method), None, "{method}");
        }
    }

    #[test]
    fn the_phrases_are_as_they_are_compared() {
        for phrase in [MARKS, ABSENCES, BOUNCES].concat() {
            assert_eq!(phrase, phrase.to_lowercase());
            assert!(phrase.chars().count() <= 60, "{phrase}");
        }
    }
}
