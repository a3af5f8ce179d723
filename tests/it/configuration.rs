//! The configuration: what the contract fixes, and how everything that is wrong is said at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mailferry::config::{Complaint, Config, ConfigError, DestinationKind, Secrets, SourceKind, check, load};
use mailferry::delivery::{ChannelName, DestinationName};
use mailferry::destination::Visibility;
use mailferry::policy::{Approvals, NdaRule, Trust, UnverifiedSenders};
use mailferry::source::imap::{Compression, Grant, Login, RedirectHost, Security};
use secrecy::ExposeSecret;

/// The smallest configuration, to which tests add.
pub(crate) const SMALLEST: &str = r#"
[organisation]
name = "Our Co"
domains = ["ourco.example"]

[[source]]
name = "history"
kind = "mbox"
path = "mail/*.mbox"

[[destination]]
name = "archive"
kind = "archive"
path = "channels"

[[partner]]
name = "Acme"
domains = ["acme.example"]
"#;

pub(crate) fn read(text: &str) -> Result<Config, ConfigError> {
    check(text, &sample("mailferry.toml"), Secrets::Read)
}

fn complaints(text: &str) -> Vec<Complaint> {
    read(text).expect_err("complaints").complaints
}

/// The one complaint about a configuration, as `path: text`.
fn complaint(text: &str) -> String {
    let complaints = complaints(text);
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    format!("{}: {}", complaints[0].path, complaints[0].text)
}

pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/config").join(name)
}

#[test]
fn the_contract_s_archive_loads_as_it_stands() {
    let config = load(&sample("archive.toml"), Secrets::Read).unwrap();
    assert_eq!(config.state, sample("state"));
    assert_eq!(config.directory.organisation().domains, ["ourco.example"]);
    let names: Vec<_> = config.directory.partners().iter().map(|partner| partner.channel.as_str()).collect();
    assert_eq!(names, ["ext-acme-client", "ext-globex-client", "ext-initech-client"]);
    assert!(config.directory.partners().iter().all(|partner| partner.trust == Trust::ByRule));
    assert!(matches!(&config.sources[0].kind, SourceKind::Mbox(path) if *path == sample("mail/*.mbox")));
    assert_eq!(config.sources[0].origin.unverified, UnverifiedSenders::Allow);
    let DestinationKind::Archive(archive) = &config.destinations[0].kind else { panic!() };
    assert_eq!((archive.path.clone(), archive.organisation.as_str()), (sample("channels"), "Our Co"));
    assert_eq!(config.rules.approval, Approvals::Required);
    assert_eq!(config.rules.nda, NdaRule::NotRequired);
}

#[test]
fn the_contract_s_slack_and_imap_load_as_they_stand() {
    let config = load(&sample("slack.toml"), Secrets::Skip).unwrap();
    let DestinationKind::Slack(slack) = &config.destinations[0].kind else { panic!() };
    assert_eq!(slack.api_url, "http://127.0.0.1:9911/api/");
    assert_eq!((slack.posts_per_second, slack.workspace_posts_per_minute), (1000.0, 100_000.0));
    assert_eq!(slack.settle, Duration::from_secs(2));

    let config = load(&sample("imap.toml"), Secrets::Skip).unwrap();
    let SourceKind::Imap(imap) = &config.sources[0].kind else { panic!() };
    assert_eq!((imap.host.as_str(), imap.port, imap.security), ("127.0.0.1", 14144, Security::Implicit));
    assert_eq!(imap.ca_file, Some(sample("tls/cert.pem")));
    assert_eq!(imap.mailboxes, ["INBOX", "Sent"]);
    assert_eq!(config.sources[0].origin.unverified, UnverifiedSenders::Allow);
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = read(SMALLEST).unwrap();
    assert_eq!(config.state, sample("state"));
    assert_eq!(config.base(), Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/config"));
    assert_eq!(config.rules.max_attachment_bytes, 25 * 1024 * 1024);
    assert_eq!(config.destinations[0].visibility, Visibility::Private);
    let acme = &config.directory.partners()[0];
    assert_eq!(acme.channel, ChannelName::new("ext-acme-client"));
    assert_eq!(acme.destination, DestinationName::new("archive"));
    assert_eq!(acme.trust, Trust::NeedsApproval);
}

pub(crate) fn imap_with(keys: &str) -> String {
    let imap = format!(
        "kind = \"imap\"\nhost = \"imap.ourco.example\"\nusername = \"us\"\npassword = {{ command = \"echo open sesame\" }}\n{keys}"
    );
    SMALLEST.replace("kind = \"mbox\"\npath = \"mail/*.mbox\"", &imap)
}

#[test]
fn an_imap_source_is_strict_and_secure_by_default() {
    let config = read(&imap_with("authserv_ids = [\"MX.ourco.example\"]")).unwrap();
    assert_eq!(config.sources[0].origin.unverified, UnverifiedSenders::Hold);
    assert_eq!(config.sources[0].origin.trusted_servers, ["mx.ourco.example"]);
    let SourceKind::Imap(imap) = &config.sources[0].kind else { panic!() };
    assert_eq!((imap.port, imap.security, imap.max_connections), (993, Security::Implicit, 4));
    assert!(matches!(&imap.login, Login::Password(password) if password.expose_secret() == "open sesame"));
    assert_eq!(imap.compression, Compression::Never);
    let config = read(&imap_with("compress = true")).unwrap();
    assert!(matches!(&config.sources[0].kind, SourceKind::Imap(imap) if imap.compression == Compression::WhereOffered));
    assert!(read(&imap_with("compress = \"deflate\"")).unwrap_err().to_string().contains("true or false"));
    let config = read(&imap_with("tls = \"starttls\"")).unwrap();
    assert!(matches!(&config.sources[0].kind, SourceKind::Imap(imap) if imap.port == 143));
}

#[test]
fn gmail_has_a_budget_for_each_day_unless_the_file_says_otherwise() {
    let megabytes = |host: &str, keys: &str| {
        let text = imap_with(keys).replace("imap.ourco.example", host);
        let SourceKind::Imap(imap) = read(&text).unwrap().sources.remove(0).kind else { panic!() };
        imap.allowed.daily.map(|daily| daily.megabytes)
    };
    assert_eq!(megabytes("imap.gmail.com", ""), Some(2000));
    assert_eq!(megabytes("IMAP.GoogleMail.com", ""), Some(2000));
    assert_eq!(megabytes("imap.gmail.com", "daily_megabytes = 0"), None);
    assert_eq!(megabytes("notgmail.com", ""), None);
    assert_eq!(megabytes("imap.ourco.example", "daily_megabytes = 500"), Some(500));
    let SourceKind::Imap(imap) = read(&imap_with("messages_per_second = 4")).unwrap().sources.remove(0).kind else { panic!() };
    assert_eq!(imap.allowed.messages_per_second.map(u32::from), Some(4));
}

#[test]
fn oauth2_stands_in_place_of_a_password_and_what_is_written_says_the_grant() {
    let login = |oauth2: &str| -> Result<_, String> {
        let text = imap_with("").replace("password = { command = \"echo open sesame\" }", &format!("oauth2 = {{ {oauth2} }}"));
        let SourceKind::Imap(imap) = read(&text).map_err(|error| error.to_string())?.sources.remove(0).kind else { panic!() };
        match imap.login {
            Login::Oauth2(oauth2) => Ok(*oauth2),
            Login::Password(_) => panic!(),
        }
    };
    let secret = "{ command = \"echo open\" }";
    let user = login(&format!("provider = \"google\", client_id = \"us\", refresh_token = {secret}")).unwrap();
    assert!(matches!(&user.grant, Grant::User(consent) if consent.client_secret.is_none() && consent.refresh_token.is_some()));
    assert_eq!((user.token_url.as_str(), user.scope), ("https://oauth2.googleapis.com/token", None));
    assert!(user.kept.starts_with(sample("state/oauth2")));
    let application =
        login(&format!("provider = \"microsoft\", tenant = \"t\", client_id = \"us\", client_secret = {secret}")).unwrap();
    assert!(matches!(application.grant, Grant::ClientCredentials { .. }));
    assert_eq!(application.token_url, "https://login.microsoftonline.com/t/oauth2/v2.0/token");
    assert_eq!(application.scope.as_deref(), Some("https://outlook.office365.com/.default"));
    let service = login("provider = \"google\", service_account = \"key.json\"").unwrap();
    assert!(matches!(service.grant, Grant::ServiceAccount { key_file } if key_file == sample("key.json")));
    for (oauth2, words) in [
        ("token_url = \"https://id.example/token\", client_id = \"us\"", "history.oauth2.authorization_url: is missing"),
        (
            "token_url = \"http://id.example/token\", client_id = \"us\", device_url = \"https://id.example/d\"",
            "no URL that secrets",
        ),
        ("provider = \"microsoft\", client_id = \"us\", consent = \"administrator\"", "history.oauth2.client_secret: is missing"),
        ("service_account = \"key.json\"", "history.oauth2.provider: is missing"),
        ("provider = \"yahoo\", service_account = \"key.json\"", "google"),
        ("provider = \"google\", client_id = \"us\", refresh_token = \"open\"", "which secrets never are"),
    ] {
        let error = login(oauth2).unwrap_err();
        assert!(error.contains(words), "{oauth2}: {error}");
    }
    assert!(complaint(&imap_with("oauth2 = { provider = \"google\", service_account = \"k\" }")).contains("one login too many"));
}

#[test]
fn without_a_refresh_token_a_user_logs_in_where_the_provider_says() {
    let consent = |oauth2: &str| {
        let text = imap_with("").replace("password = { command = \"echo open sesame\" }", &format!("oauth2 = {{ {oauth2} }}"));
        let SourceKind::Imap(imap) = read(&text).unwrap().sources.remove(0).kind else { panic!() };
        let Login::Oauth2(oauth2) = imap.login else { panic!() };
        let Grant::User(consent) = oauth2.grant.clone() else { panic!("{:?}", oauth2.grant) };
        assert!(consent.refresh_token.is_none() && oauth2.scope.is_none());
        (consent, oauth2)
    };
    let secret = "client_secret = { command = \"echo open\" }";
    let (google, _) = consent(&format!("provider = \"google\", client_id = \"us\", {secret}"));
    let authorization = google.authorization_url.unwrap();
    assert_eq!(authorization, "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent");
    assert_eq!(google.device_url.as_deref(), Some("https://oauth2.googleapis.com/device/code"));
    assert_eq!((google.scope.as_str(), google.redirect_host), ("https://mail.google.com/", RedirectHost::Loopback));

    let (microsoft, _) = consent("provider = \"microsoft\", tenant = \"t\", client_id = \"us\"");
    assert_eq!(microsoft.authorization_url.as_deref(), Some("https://login.microsoftonline.com/t/oauth2/v2.0/authorize"));
    assert_eq!(microsoft.device_url.as_deref(), Some("https://login.microsoftonline.com/t/oauth2/v2.0/devicecode"));
    assert_eq!(microsoft.scope, "https://outlook.office.com/IMAP.AccessAsUser.All offline_access");
    assert_eq!(microsoft.redirect_host, RedirectHost::Localhost);
    // A secret alone says at Microsoft that an administrator consented; a word says otherwise.
    let (secretive, _) = consent(&format!("provider = \"microsoft\", client_id = \"us\", {secret}, consent = \"user\""));
    assert!(secretive.client_secret.is_some());

    let own = "token_url = \"https://id.example/token\", authorization_url = \"https://id.example/auth?x=y\", client_id = \"us\", \
               scope = \"mail offline_access\", redirect_host = \"localhost\"";
    let (own, settings) = consent(own);
    assert_eq!((own.authorization_url.as_deref(), own.device_url), (Some("https://id.example/auth?x=y"), None));
    assert_eq!((own.scope.as_str(), settings.token_url.as_str()), ("mail offline_access", "https://id.example/token"));
}

#[test]
fn the_operators_have_a_channel_that_is_no_partner_s() {
    let with = |operators: &str| format!("{SMALLEST}[mirror]\noperators = {operators}\n");
    let config = read(&with("{ channel = \"mailferry-ops\" }")).unwrap();
    let operators = config.mirror.operators.unwrap();
    assert_eq!(
        (operators.destination.as_str(), operators.channel.as_str()),
        (config.destinations[0].name.as_str(), "mailferry-ops")
    );
    assert!(read(SMALLEST).unwrap().mirror.operators.is_none());
    let theirs = config.directory.partners()[0].channel.as_str();
    assert!(complaint(&with(&format!("{{ channel = {theirs:?} }}"))).contains("is the channel of"));
    assert!(complaint(&with("{ channel = \"Ops Room\" }")).contains("ops-room"));
    assert!(complaint(&with("{ destination = \"nowhere\", channel = \"ops\" }")).contains("there is no destination"));
    assert!(complaint(&with("{ }")).contains("channel"));
}

#[test]
fn a_source_s_own_word_on_unverified_senders_stands_above_the_policy_s() {
    let policy = "[policy]\nunverified_senders = \"hold\"\n";
    let config = read(&format!("{SMALLEST}{policy}")).unwrap();
    assert_eq!(config.sources[0].origin.unverified, UnverifiedSenders::Hold);
    let config = read(&format!("{}{policy}", imap_with("unverified_senders = \"allow\""))).unwrap();
    assert_eq!(config.sources[0].origin.unverified, UnverifiedSenders::Allow);
}

#[test]
fn no_tls_is_for_this_machine_alone() {
    assert!(complaint(&imap_with("tls = \"none\"")).starts_with("source.history.tls: sends the password in the clear"));
    assert!(read(&imap_with("tls = \"none\"").replace("imap.ourco.example", "localhost")).is_ok());
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let text = r#"
stat = "state"

[organisation]
name = "Our Co"
domains = ["us@ourco.example", 7]

[policy]
require_approval = "yes"
unverified_senders = "drop"

[[source]]
name = "one"
kind = "mbx"

[[source]]
name = "two"
kind = "mbox"

[[destination]]
name = "slack"
kind = "slack"
token = "xoxb-secret"
api_url = "http://slack.com/api/"
posts_per_second = 0

[[partner]]
name = "Acme"
domains = ["gmail.com"]
chanel = "ext-acme"

[[partner]]
name = "Globex"
destination = "slak"
"#;
    let error = read(text).unwrap_err();
    let lines: Vec<_> = error.complaints.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert!(!error.to_string().contains("xoxb"), "a secret stays where it is");
}

#[test]
fn an_empty_file_is_told_all_that_it_lacks() {
    let paths: Vec<_> = complaints("").into_iter().map(|complaint| complaint.path).collect();
    assert_eq!(paths, ["organisation", "source", "destination", "partner"]);
}

#[test]
fn a_file_that_is_no_toml_is_told_the_line_and_shows_no_secret() {
    let error = read("state = \"state\"\ntoken = \"xoxb-secret\nname = 1\n").unwrap_err();
    assert_eq!(error.complaints[0].line, Some(2));
    assert!(!error.to_string().contains("xoxb"), "{error}");
}

#[test]
fn a_file_that_is_absent_points_to_init() {
    let error = load(Path::new("/nowhere/mailferry.toml"), Secrets::Read).unwrap_err();
    assert!(error.to_string().contains("mailferry init"), "{error}");
}

#[test]
fn what_is_not_built_yet_says_so_and_what_to_use() {
    for (text, path, advice) in [
        (SMALLEST.replace("kind = \"archive\"", "kind = \"matrix\""), "destination.archive.kind", "slack"),
        (SMALLEST.replace("kind = \"archive\"", "kind = \"mattermost\""), "destination.archive.kind", "slack"),
    ] {
        let complaint = complaint(&text);
        assert!(complaint.starts_with(path) && complaint.contains("not built yet") && complaint.contains(advice), "{complaint}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_is_complained_of_by_the_name_of_its_place() {
    let with = |password: &str| imap_with("").replace("{ command = \"echo open sesame\" }", password);
    for (password, words) in [
        ("{ env = \"MAILFERRY_NOT_SET_ANYWHERE\" }", "no MAILFERRY_NOT_SET_ANYWHERE"),
        ("{ file = \"/nowhere/password\" }", "/nowhere/password"),
        ("{ command = \"exit 3\" }", "exit status: 3"),
        ("{ env = \"A\", file = \"b\" }", "more than one"),
        ("{ path = \"b\" }", ""),
        ("\"open sesame\"", "write password = { env = \"IMAP_PASSWORD\" }, { file = \"…\" } or { command = \"…\" }"),
    ] {
        let complaints = complaints(&with(password));
        let said = complaints.iter().any(|c| c.path.starts_with("source.history.password") && c.text.contains(words));
        assert!(said && !format!("{complaints:?}").contains("sesame"), "{password}: {complaints:?}");
    }
    assert!(check(&with("{ env = \"MAILFERRY_NOT_SET_ANYWHERE\" }"), Path::new("a.toml"), Secrets::Skip).is_ok());
}

#[test]
fn names_and_channels_belong_to_one() {
    let twice = |name: &str, channel: &str| {
        format!("{SMALLEST}\n[[partner]]\nname = {name:?}\ndomains = [\"globex.example\"]\nchannel = {channel:?}\n")
    };
    assert!(read(&twice("Globex", "ext-globex")).is_ok());
    assert!(complaint(&twice("ACME", "ext-globex")).contains("is the name of partner.Acme too"));
    assert!(complaint(&twice("Globex", "ext-acme-client")).contains("each would read what the other was sent"));
    assert!(complaint(&twice("Globex", "#Globex")).ends_with("write \"globex\""));
    let text = format!("{SMALLEST}\n[[partner]]\nname = \"Globex\"\ndomains = [\"ACME.example\"]\n");
    assert!(complaint(&text).starts_with("partner.Globex.domains[0]: acme.example belongs to both Acme and Globex"));
}

#[test]
fn channels_are_named_by_the_destination_s_template() {
    let template =
        |template: &str| SMALLEST.replace("path = \"channels\"", &format!("path = \"channels\"\nchannel_template = {template:?}"));
    let config = read(&template("mail-{partner}").replace("\"Acme\"", "\"Acme & Söhne\"")).unwrap();
    assert_eq!(config.directory.partners()[0].channel, ChannelName::new("mail-acme-söhne"));
    assert!(complaint(&template("mail")).contains("share one channel"));
    assert!(complaint(&template("Mail {partner}")).contains("lower-case"));
}
