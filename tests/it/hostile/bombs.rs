//! Bombs: a small mail that costs a careless reader all of its stack, memory or time. The real program reads each one, in a
//! process of its own: it ends well, says one message and what was cut of it, and stays below a bound of memory. How long it
//! took is printed and not judged, but for a process that hangs:
//! `cargo test --release --test it hostile::bombs -- --nocapture --test-threads 1`.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// No bomb may take more memory, in kB.
const MOST_KILOBYTES: u64 = 300_000;
/// Who takes so long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(60);

const HEADERS: &str = "From: Ann Lee <ann@acme.example>\nTo: bob@ourco.example\n\
                       Date: Mon, 1 Mar 2021 09:05:00 +0100\nMessage-ID: <plan@acme.example>\n";

/// A bomb by name, and what has to be in the notes; `None` where there is nothing to say.
type Bomb = (&'static str, String, Option<&'static str>);

#[test]
fn structures_without_end() {
    let nested = |levels: usize| "Content-Type: message/rfc822\n\n".repeat(levels);
    let multiparts = |boundary: fn(usize) -> String, levels: usize| -> String {
        (0..levels).map(|n| format!("Content-Type: multipart/mixed; boundary={}\n\n--{}\n", boundary(n), boundary(n))).collect()
    };
    let deep = Some("parts nested deeper than the bound");
    let many = Some("parts cut: more than the bound");
    let parts = |part: &str, count: usize| {
        format!("Content-Type: multipart/mixed; boundary=b\n\n{}", format!("--b\n{part}\n").repeat(count))
    };
    let fields = format!("--b\n{}\n", "A:\n".repeat(2_000)).repeat(1_000);
    all_are_survived(&[
        ("3,000 messages within messages", nested(3_000), None),
        ("50,000 messages within messages", nested(50_000), None),
        ("50,000 multiparts within multiparts", multiparts(|n| format!("b{n}"), 50_000), deep),
        ("50,000 multiparts with one boundary", multiparts(|_| "b".to_owned(), 50_000), None),
        ("a hundred multiparts around 6 MB", multiparts(|n| format!("b{n}"), 100) + &"--b\n".repeat(1_500_000), None),
        ("a million empty parts", parts("", 1_000_000), many),
        ("a million empty attachments", parts("Content-Type: a/b\n", 1_000_000), many),
        ("a thousand parts of two thousand fields", format!("Content-Type: multipart/mixed; boundary=b\n\n{fields}"), None),
        (
            "boundaries without a line end",
            format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n{}", "--b".repeat(1_000_000)),
            None,
        ),
        ("a boundary of nothing", format!("Content-Type: multipart/mixed; boundary=\" \"\n\n{}", "-".repeat(3_000_000)), None),
        ("a thousand messages of a thousand parts", messages(), None),
        ("pictures that a long text may show", pictures(), None),
    ]);
}

/// Each message within the message may have as many parts as the message itself.
fn messages() -> String {
    let parts = "--c\nContent-Type: a/b\n\nx\n".repeat(999);
    let message = format!("--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n{parts}--c--\n");
    format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", message.repeat(998))
}

/// A thousand pictures, each of which has to be looked for in eight megabytes of HTML.
fn pictures() -> String {
    let html = format!("--b\nContent-Type: text/html\n\n{}\n", "<img src=\"cid:x\">".repeat(500_000));
    let picture = |n: usize| format!("--b\nContent-Type: image/png\nContent-ID: <x{n}>\n\nx\n");
    let pictures: String = (0..998).map(picture).collect();
    format!("Content-Type: multipart/related; boundary=b\n\n{html}{pictures}--b--\n")
}

#[test]
fn headers_without_end() {
    let cut = Some("headers cut: more than the bound");
    let million = |what: &str| what.repeat(1_000_000);
    let ids: String = (0..1_000_000).map(|n| format!("<{n}@b> ")).collect();
    all_are_survived(&[
        ("a million headers", million("X: y\n"), cut),
        ("a million recipients", format!("Cc: {}\n", million("a@b.example, ")), cut),
        ("a million recipients on lines of their own", format!("Cc: a@b.example;\n{}", million("a@b.example;\n")), cut),
        ("a million references", format!("References: {ids}\n"), Some("References cut: more ids than the bound")),
        ("a million encoded words", format!("X-Subject: {}\n", million("=?utf-8?q?a?= ")), cut),
        ("a million encoded words in the name", format!("Cc: {} <a@b.example>\n", million("=?utf-8?q?a?= ")), cut),
        ("a million beginnings of encoded words", format!("Comments: {}\n", million("=?utf-8?q?a")), cut),
        ("a million parentheses", format!("Cc: {}\n", million("(")), cut),
        ("a million parameters", format!("Content-Type: text/plain; {}\n", million("a=b; ")), cut),
        ("a million parameters on lines of their own", format!("Content-Type: text/plain;\n{}", million("a=b;\n")), cut),
        ("a million pieces of one parameter", format!("Content-Type: text/plain; {}\n", million("a*0*=%20; ")), cut),
        ("a million prefixes", format!("X: y\n{}", million("Subject: Re: \n")), cut),
        ("a subject of prefixes", format!("Subject: {}\n", "Re: ".repeat(60_000)), Some("subject cut")),
    ]);
}

#[test]
fn markup_without_end() {
    let html = |source: String| format!("Content-Type: text/html\n\n{source}");
    let flat = Some("html nested deeper than");
    let big = Some("html too big to lay out");
    let rules: String = (0..14_000).map(|n| format!(".c{n} {{ color: red; margin: 0 }}\n")).collect();
    let divs: String = (0..1_000).map(|n| format!("<div class=c{n}>x</div>")).collect();
    all_are_survived(&[
        ("50,000 nested div", html("<div>".repeat(50_000) + "x"), flat),
        ("50,000 nested blockquote", html("<blockquote>".repeat(50_000) + "x"), flat),
        ("50,000 nested lists", html("<ul><li>".repeat(50_000) + "x"), flat),
        ("50,000 nested b", html("<b>".repeat(50_000) + "x"), flat),
        ("50,000 nested tables", html("<table><tr><td>".repeat(50_000) + "x"), flat),
        (
            "a cell over all columns",
            html("<table><tr><td colspan=18446744073709551615 rowspan=18446744073709551615>x</table>".to_owned()),
            None,
        ),
        ("a table of 20,000 rows", html(format!("<table>{}</table>", "<tr><td>a</td><td>b</td></tr>".repeat(20_000))), None),
        ("a row of 100,000 cells", html(format!("<table><tr>{}</table>", "<td>a</td>".repeat(100_000))), None),
        ("490 kB of style for 1,000 elements", html(format!("<style>{rules}</style>{divs}")), None),
        ("2 MB of b", html("<b>".repeat(675_000)), flat),
        ("2 MB of p", html("<p>x".repeat(500_000)), big),
        ("2 MB of empty p", html("<p>".repeat(675_000)), big),
        ("2 MB of td", html("<td>x".repeat(400_000)), big),
        ("2 MB of links", html("<a href=http://a.example>x".repeat(75_000)), None),
        ("2 MB of lists", html("<ul><li>x</ul>".repeat(142_500)), big),
        ("2 MB of hidden elements", html("<b hidden>".repeat(200_000)), flat),
        ("2 MB of attributes", html(format!("<b {}>x", "a=b ".repeat(500_000))), None),
        ("2 MB of open quotes", html("<a b=\"".repeat(325_000)), None),
        ("2 MB of open comments", html("<!-- x".repeat(325_000)), None),
        ("2 MB of open styles", html("<style></styl".repeat(150_000)), None),
        ("2 MB of references", html("&#x26;&amp;&lt;".repeat(125_000)), None),
        ("2 MB of signs that open nothing", html("<".repeat(2_000_000)), None),
        ("2 MB of media", html(format!("<style>{}</style>x", "@media{".repeat(250_000))), None),
    ]);
}

#[test]
fn text_without_end() {
    let text = |body: String| format!("\n{body}");
    let cut = Some("cut after");
    let lines = |line: &str| text(format!("{line}\n").repeat(100_000));
    all_are_survived(&[
        ("a line of 10 MB", text("x".repeat(10_000_000)), cut),
        ("a line of 10 MB of words", text("word ".repeat(2_000_000)), cut),
        ("120,000 lines", text("a line\n".repeat(120_000)), cut),
        ("a million parentheses", text("(".repeat(1_000_000)), None),
        ("100,000 attributions", lines("On Mon, 1 Jan 2024 at 10:00, Ann Lee <ann@acme.example> wrote:"), None),
        (
            "100,000 attributions in five lines",
            text("On Mon, 1 Jan 2024\nat 10:00\nAnn Lee\n<ann@acme.example>\nwrote:\n".repeat(20_000)),
            None,
        ),
        ("100,000 halves of attributions", lines("On Mon, 1 Jan 2024 at 10:00 Ann Lee <ann@acme.example>"), None),
        (
            "100,000 lines with a colon",
            lines("1 Jan 2024 ann@acme.example and what she said of it in a line that goes on for a while:"),
            None,
        ),
        ("100,000 authors", lines("From: Ann Lee <ann@acme.example>"), None),
        ("100,000 headers in German", text("Von: Ann\nGesendet: Montag\n\nAn: Bob\n".repeat(25_000)), None),
        ("100,000 titles", lines("-----Original Message-----"), None),
        ("100,000 forwards", lines("---------- Forwarded message ---------"), None),
        ("100,000 quotes", lines("> a"), None),
        ("100,000 quotes with names", lines("ann> a"), None),
        ("100,000 signatures", lines("-- "), None),
        ("100,000 lines from a telephone", lines("Sent from my iPhone"), None),
        ("100,000 rules", lines("______________"), None),
        ("100,000 fences", lines("```"), None),
        ("100,000 patches", lines("diff --git a/a b/a"), None),
        ("100,000 armours", lines("-----BEGIN PGP SIGNATURE-----"), None),
        ("100,000 banners", lines("CAUTION: external sender, do not click links"), None),
        ("100,000 notices", lines("This message is confidential; if you are not the intended recipient, delete it."), None),
        ("a notice of 2 MB", text("This message is confidential and not for the intended recipient. ".repeat(30_000)), None),
        ("2 MB of soft line ends", format!("Content-Type: text/plain; format=flowed\n\n{}", "> a \n".repeat(375_000)), cut),
        ("2 MB of quote marks", format!("Content-Type: text/plain; format=flowed\n\n{}", ">".repeat(2_000_000)), None),
        ("2 MB of joiners", text("a\u{200d}".repeat(500_000)), None),
        ("2 MB of addresses", text("http://a.example/?b@c ".repeat(92_500)), None),
    ]);
}

/// Has each bomb read by the program.
fn all_are_survived(bombs: &[Bomb]) {
    let directory = tempfile::tempdir().unwrap();
    let failures: Vec<String> = bombs.iter().filter_map(|bomb| survived(bomb, directory.path()).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn survived((name, mail, note): &Bomb, directory: &Path) -> Result<(), String> {
    fs::write(directory.join("bomb.eml"), format!("{HEADERS}{mail}")).unwrap();
    let inspect = |out: &str| File::create(directory.join(out)).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_mailferry"));
    program.args(["inspect", "--json", "bomb.eml"]).current_dir(directory).stdin(Stdio::null());
    let begin = Instant::now();
    let mut child = program.stdout(inspect("stdout")).stderr(inspect("stderr")).spawn().unwrap();
    let (peak, worked) = watched(&mut child, begin);
    let (status, took) = (child.wait().unwrap(), begin.elapsed());
    println!("{:>6.2} s, {worked:>5.2} s of work {:>4} MB  {name} ({} kB)", took.as_secs_f64(), peak / 1_000, mail.len() / 1_000);
    let read = |out: &str| fs::read_to_string(directory.join(out)).unwrap();
    if status.code() != Some(0) {
        return Err(format!("{name}: {status} after {took:?}: {}", read("stderr")));
    }
    if peak > MOST_KILOBYTES {
        return Err(format!("{name}: {peak} kB of memory"));
    }
    let rows: Vec<Value> = read("stdout").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [row] = rows.as_slice() else { return Err(format!("{name}: {} messages", rows.len())) };
    let is_said = note.is_none_or(|note| row["notes"].as_array().unwrap().iter().any(|said| said.as_str().unwrap().contains(note)));
    let is_ours = row["message_id"] == "plan@acme.example";
    if is_said && is_ours { Ok(()) } else { Err(format!("{name}: {} says {} and not {note:?}", row["message_id"], row["notes"])) }
}

/// The most memory that a process ever had, in kB, and the seconds that it worked on all cores, until it ends or hangs.
fn watched(child: &mut Child, begin: Instant) -> (u64, f64) {
    let directory = format!("/proc/{}", child.id());
    let about = |what: &str| fs::read_to_string(format!("{directory}/{what}")).unwrap_or_default();
    let (mut peak, mut worked) = (0, 0.0);
    loop {
        let status = about("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        // The fields behind the name of the program: user and system time are the twelfth and the thirteenth, in ticks.
        let stat = about("stat");
        let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2).map(|ticks| ticks.parse().unwrap_or(0.0));
        worked = f64::max(worked, ticks.sum::<f64>() / 100.0);
        if child.try_wait().unwrap().is_some() {
            return (peak, worked);
        }
        if begin.elapsed() > HANGS_AFTER {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
