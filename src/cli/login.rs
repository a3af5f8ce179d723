//! `mailferry login`: a user consents, so that a source may read their mailbox.

use serde_json::json;

use super::{Common, Outcome, Screen, check, session};
use crate::config::{Config, Secrets, SourceConfig, SourceKind};
use crate::engine::assemble;
use crate::finding::Finding;
use crate::source::imap::{ImapSettings, Login, Oauth2Settings, Prompt, Way, log_in};

/// Log in as the user of a source, so that it may read their mailbox by OAuth 2.
///
/// For sources with `oauth2 = { provider = "google" | "microsoft", client_id = "…" }` and no refresh_token. An address is
/// printed; open it in a browser on this machine, log in there and consent. The answer comes back to a port of this machine
/// that takes nothing else. Where the browser is elsewhere, forward the port that is printed (ssh -L PORT:127.0.0.1:PORT
/// HOST), or use --device: it prints a code that is typed in on any device (Microsoft; Google gives no mail to it).
///
/// What is left behind is a refresh token. It is kept in the state directory, for its owner alone, and never printed. Do
/// this once, and again when `check`, `status` or the operators' channel say so: when the login was revoked or has expired.
/// A mirror that runs takes the new login up by itself, within seconds.
///
/// At the end the mailbox is opened with it, as `check` does. Exit code 1 when that fails, or nobody logs in.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The source, by its name in the configuration.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Print a code to type in on another device, in place of an address for a browser on this machine.
    #[arg(long)]
    device: bool,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::OfSources)? else { return Ok(Outcome::Misused) };
    let (source, settings, oauth2) = match find(&config, &args.source) {
        Ok(found) => found,
        Err(why) => {
            screen.misuse(why);
            return Ok(Outcome::Misused);
        }
    };
    let way = if args.device { Way::Device } else { Way::Browser };
    let runtime = session::runtime(1)?;
    screen.note(format_args!("Log in as {}, or as somebody who may read that mailbox.", settings.username));
    let logged_in = runtime.block_on(log_in(oauth2, &settings.username, way, |prompt| show(&prompt, screen)));
    if let Err(error) = logged_in {
        screen.json(&json!({ "source": source.name, "logged_in": false, "error": error.to_string() }))?;
        return Err(error.into());
    }
    screen.note("The login is kept. The mailbox is opened with it:");
    let findings = runtime.block_on(assemble::source(source, config.base()).check());
    let is_open = !findings.iter().any(Finding::is_refused);
    screen.json(&json!({ "source": source.name, "username": settings.username, "logged_in": true, "findings": findings }))?;
    findings.iter().try_for_each(|finding| screen.line(check::line(finding)))?;
    Ok(if is_open { Outcome::Done } else { Outcome::Failed })
}

/// The source and its settings; the reason where nobody can log in for it.
fn find<'c>(config: &'c Config, name: &str) -> Result<(&'c SourceConfig, &'c ImapSettings, &'c Oauth2Settings), String> {
    let Some(source) = config.sources.iter().find(|source| source.name.as_str() == name) else {
        let names: Vec<_> = config.sources.iter().map(|source| source.name.as_str()).collect();
        return Err(format!("there is no source {name:?}; there are: {}", names.join(", ")));
    };
    let SourceKind::Imap(settings) = &source.kind else {
        return Err(format!("the source {name} is read from files: nobody has to log in for it"));
    };
    let Login::Oauth2(oauth2) = &settings.login else {
        return Err(format!("the source {name} logs in by a password: write oauth2 in its place to log in by a token"));
    };
    Ok((source, settings, oauth2))
}

/// On standard error, so that it is seen wherever standard output goes.
fn show(prompt: &Prompt, screen: &Screen) {
    match prompt {
        Prompt::Open { url, port } => screen.note(format_args!(
            "Open this address in a browser on this machine (elsewhere: ssh -L {port}:127.0.0.1:{port} …):\n\n  {url}\n\nWaiting \
             for the answer…"
        )),
        Prompt::Code { code, url, whole_url, life } => {
            let minutes = life.as_secs().div_ceil(60);
            let whole = whole_url.as_ref().map_or_else(String::new, |whole| format!(" (or open {whole})"));
            screen.note(format_args!(
                "Open {url} on any device and type in this code{whole}:\n\n  {code}\n\nIt is good for {minutes} min."
            ));
        }
        Prompt::Pending(pause) => screen.note(format_args!("Waiting; asked every {} s", pause.as_secs())),
    }
}
