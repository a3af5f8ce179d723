//! Mail providers that people of many organisations share. To claim one as a domain would open a partner's channel to
//! the mail of strangers, so their users are named one by one.

/// Whether anybody at all can have an address in this domain (in normal form).
pub(super) fn is_shared(domain: &str) -> bool {
    SHARED.iter().any(|group| group.contains(&domain))
}

/// The providers, by who runs them. Only the domains themselves: `acme.onmicrosoft.com` is one organisation's, while
/// `onmicrosoft.com` is everybody's.
#[rustfmt::skip]
const SHARED: &[&[&str]] = &[
    // Google
    &["gmail.com", "googlemail.com"],
    // Microsoft
    &[
        "hotmail.at", "hotmail.be", "hotmail.ca", "hotmail.ch", "hotmail.cl", "hotmail.co.il", "hotmail.co.jp",
        "hotmail.co.kr", "hotmail.co.nz", "hotmail.co.th", "hotmail.co.uk", "hotmail.co.za", "hotmail.com",
        "hotmail.com.ar", "hotmail.com.au", "hotmail.com.br", "hotmail.com.hk", "hotmail.com.mx", "hotmail.com.tr",
        "hotmail.com.tw", "hotmail.cz", "hotmail.de", "hotmail.dk", "hotmail.es", "hotmail.fi", "hotmail.fr", "hotmail.gr",
        "hotmail.hu", "hotmail.ie", "hotmail.it", "hotmail.my", "hotmail.nl", "hotmail.no", "hotmail.ph", "hotmail.pt",
        "hotmail.rs", "hotmail.se", "hotmail.sg", "hotmail.sk",
        "live.at", "live.be", "live.ca", "live.ch", "live.cl", "live.cn", "live.co.kr", "live.co.uk", "live.co.za",
        "live.com", "live.com.ar", "live.com.au", "live.com.mx", "live.com.my", "live.com.pt", "live.com.sg", "live.de",
        "live.dk", "live.fi", "live.fr", "live.hk", "live.ie", "live.in", "live.it", "live.jp", "live.nl", "live.no",
        "live.ph", "live.ru", "live.se", "livemail.tw", "msn.com", "onmicrosoft.com",
        "outlook.at", "outlook.be", "outlook.cl", "outlook.co.id", "outlook.co.il", "outlook.co.nz", "outlook.co.th",
        "outlook.com", "outlook.com.ar", "outlook.com.au", "outlook.com.br", "outlook.com.gr", "outlook.com.tr",
        "outlook.com.vn", "outlook.cz", "outlook.de", "outlook.dk", "outlook.es", "outlook.fr", "outlook.hu", "outlook.ie",
        "outlook.in", "outlook.it", "outlook.jp", "outlook.kr", "outlook.lv", "outlook.my", "outlook.ph", "outlook.pt",
        "outlook.sa", "outlook.sg", "outlook.sk", "passport.com", "windowslive.com",
    ],
    // Yahoo and AOL
    &[
        "aim.com", "aol.co.uk", "aol.com", "aol.de", "aol.es", "aol.fr", "aol.it", "myyahoo.com", "rocketmail.com",
        "yahoo.at", "yahoo.be", "yahoo.bg", "yahoo.ca", "yahoo.cl", "yahoo.co.id", "yahoo.co.il", "yahoo.co.in",
        "yahoo.co.jp", "yahoo.co.kr", "yahoo.co.nz", "yahoo.co.th", "yahoo.co.uk", "yahoo.co.za", "yahoo.com",
        "yahoo.com.ar", "yahoo.com.au", "yahoo.com.br", "yahoo.com.cn", "yahoo.com.co", "yahoo.com.hk", "yahoo.com.mx",
        "yahoo.com.my", "yahoo.com.pe", "yahoo.com.ph", "yahoo.com.sg", "yahoo.com.tr", "yahoo.com.tw", "yahoo.com.ve",
        "yahoo.com.vn", "yahoo.cz", "yahoo.de", "yahoo.dk", "yahoo.ee", "yahoo.es", "yahoo.fi", "yahoo.fr", "yahoo.gr",
        "yahoo.hr", "yahoo.hu", "yahoo.ie", "yahoo.in", "yahoo.it", "yahoo.lt", "yahoo.lv", "yahoo.nl", "yahoo.no",
        "yahoo.pl", "yahoo.pt", "yahoo.ro", "yahoo.se", "yahoo.sk", "yahoomail.com", "ymail.com",
    ],
    // Apple
    &["icloud.com", "mac.com", "me.com", "privaterelay.appleid.com"],
    // Sold to people one address at a time
    &[
        "duck.com", "fastmail.com", "fastmail.fm", "hey.com", "hushmail.com", "inbox.com", "inbox.lv", "lavabit.com",
        "mail.com", "mailbox.org", "mailfence.com", "messagingengine.com", "passmail.net", "pm.me", "posteo.de",
        "posteo.net", "proton.me", "protonmail.ch", "protonmail.com", "riseup.net", "runbox.com", "simplelogin.com",
        "startmail.com", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de", "zoho.com", "zohomail.com",
        "zohomail.eu", "zohomail.in",
    ],
    // Germany, Austria, Switzerland
    &[
        "a1.net", "aon.at", "arcor.de", "bluewin.ch", "email.de", "freenet.de", "gmx.at", "gmx.ch", "gmx.com", "gmx.de",
        "gmx.es", "gmx.eu", "gmx.fr", "gmx.info", "gmx.li", "gmx.net", "gmx.org", "hispeed.ch", "magenta.at", "magenta.de",
        "online.de", "sunrise.ch", "t-online.de", "vodafone.de", "vodafonemail.de", "web.de",
    ],
    // France, Italy, Spain, Portugal, Benelux
    &[
        "alice.it", "bbox.fr", "club-internet.fr", "free.fr", "home.nl", "hetnet.nl", "kpnmail.nl", "laposte.net",
        "libero.it", "neuf.fr", "numericable.fr", "orange.fr", "planet.nl", "proximus.be", "sapo.pt", "sfr.fr", "skynet.be",
        "telefonica.net", "telenet.be", "tin.it", "tiscali.it", "virgilio.it", "wanadoo.es", "wanadoo.fr", "xs4all.nl",
        "ziggo.nl",
    ],
    // Britain, Ireland, the north, the east
    &[
        "abv.bg", "blueyonder.co.uk", "btinternet.com", "btopenworld.com", "centrum.cz", "eircom.net", "email.cz", "freemail.hu",
        "interia.pl", "ntlworld.com", "o2.pl", "onet.eu", "onet.pl", "op.pl", "seznam.cz", "sky.com", "talktalk.net",
        "tele2.se", "telia.com", "tlen.pl", "tiscali.co.uk", "ukr.net", "virginmedia.com", "wp.pl",
    ],
    // Russia
    &[
        "bk.ru", "inbox.ru", "internet.ru", "list.ru", "mail.ru", "rambler.ru", "xmail.ru", "ya.ru", "yandex.by",
        "yandex.com", "yandex.com.tr", "yandex.kz", "yandex.net", "yandex.ru", "yandex.ua", "yandex.uz",
    ],
    // America
    &[
        "att.net", "bell.net", "bellsouth.net", "bol.com.br", "centurylink.net", "charter.net", "comcast.net", "cox.net",
        "earthlink.net", "frontier.com", "frontiernet.net", "ig.com.br", "juno.com", "mindspring.com", "netzero.net",
        "optonline.net", "pacbell.net", "prodigy.net.mx", "rogers.com", "sbcglobal.net", "shaw.ca", "sympatico.ca",
        "telus.net", "terra.com.br", "uol.com.br", "verizon.net", "videotron.ca", "windstream.net",
    ],
    // Asia and Oceania
    &[
        "126.com", "139.com", "163.com", "188.com", "189.cn", "aliyun.com", "bigpond.com", "bigpond.net.au", "daum.net",
        "docomo.ne.jp", "ezweb.ne.jp", "foxmail.com", "hanmail.net", "iinet.net.au", "kakao.com", "nate.com", "naver.com",
        "nifty.com", "optusnet.com.au", "qq.com", "rediffmail.com", "sina.cn", "sina.com", "singnet.com.sg", "softbank.jp",
        "sohu.com", "vip.163.com", "vip.qq.com", "xtra.co.nz", "yeah.net",
    ],
];
