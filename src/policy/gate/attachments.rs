//! May this attachment be carried?
//!
//! What runs when somebody opens it is never carried, whatever it calls itself: its name, its declared type and its first
//! bytes are all asked, and one of them is enough. It stays in the vault, and the text names it.

use crate::mail::Attachment;
use crate::policy::Rules;

/// Whether an attachment is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// It is.
    Carried,
    /// It is not: the text names it, with this reason.
    Stub(String),
}

/// Whether an attachment may be carried by a destination that takes files of up to `limit_bytes`. `head` is the beginning
/// of its bytes, or all of them, where they are at hand.
pub fn carriage(attachment: &Attachment, rules: &Rules, limit_bytes: u64, head: Option<&[u8]>) -> Carriage {
    let limit_bytes = limit_bytes.min(rules.max_attachment_bytes);
    let runs = running_extension(attachment)
        .map(|extension| format!("files of type .{extension} can run"))
        .or_else(|| running_type(attachment).map(|media_type| format!("{media_type} can run")))
        .or_else(|| head.and_then(running_bytes).map(|kind| format!("it is {kind}")));
    match runs {
        Some(reason) => Carriage::Stub(reason),
        None if attachment.size > limit_bytes => Carriage::Stub(format!("larger than {}", megabytes(limit_bytes))),
        None => Carriage::Carried,
    }
}

fn megabytes(bytes: u64) -> String {
    const MB: u64 = 1024 * 1024;
    if bytes < MB { format!("{bytes} bytes") } else { format!("{} MB", bytes / MB) }
}

/// The extension that decides how the file is opened, where that runs it. Windows drops trailing dots and blanks and takes
/// what stands after a colon for a stream, so that `a.exe. ` and `a.exe:b` open as `a.exe`.
fn running_extension(attachment: &Attachment) -> Option<String> {
    let name = attachment.name.as_deref()?.to_lowercase();
    let name = name.split(':').next()?.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    let (_, extension) = name.rsplit_once('.')?;
    RUNNING_EXTENSIONS.iter().any(|group| group.contains(&extension)).then(|| extension.to_owned())
}

fn running_type(attachment: &Attachment) -> Option<&str> {
    let media_type = attachment.media_type.as_str();
    (RUNNING_TYPES.contains(&media_type) || media_type.ends_with(".macroenabled.12")).then_some(media_type)
}

/// What the bytes are, where that runs.
fn running_bytes(head: &[u8]) -> Option<&'static str> {
    let by_magic = MAGIC.iter().find(|(offset, magic, _)| head.get(*offset..).is_some_and(|rest| rest.starts_with(magic)));
    by_magic.map(|(_, _, kind)| *kind).or_else(|| is_installer(head).then_some("a Windows installer"))
}

/// Whether it is an .msi, which shares its container with Word's old format ([MS-CFB]): the root entry, at the first sector
/// of the directory, carries the installer's class id.
fn is_installer(head: &[u8]) -> bool {
    const CONTAINER: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    const CLASS_ID: [u8; 16] = [0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    let class_id = || {
        let shift = u16::from_le_bytes(head.get(30..32)?.try_into().ok()?);
        let sector = u32::from_le_bytes(head.get(48..52)?.try_into().ok()?);
        let directory = (u64::from(sector) + 1).checked_shl(u32::from(shift))?;
        let start = usize::try_from(directory.checked_add(80)?).ok()?;
        head.get(start..start.checked_add(CLASS_ID.len())?)
    };
    head.starts_with(CONTAINER) && class_id() == Some(&CLASS_ID)
}

const MAGIC: &[(usize, &[u8], &str)] = &[
    (0, b"MZ", "a Windows program"),
    (0, b"\x7fELF", "a Linux program"),
    (0, &[0xfe, 0xed, 0xfa, 0xce], "a macOS program"),
    (0, &[0xfe, 0xed, 0xfa, 0xcf], "a macOS program"),
    (0, &[0xce, 0xfa, 0xed, 0xfe], "a macOS program"),
    (0, &[0xcf, 0xfa, 0xed, 0xfe], "a macOS program"),
    (0, &[0xca, 0xfe, 0xba, 0xbe], "a macOS or Java program"),
    (0, b"#!", "a script"),
    (0, b"\xef\xbb\xbf#!", "a script"),
    (0, &[0x4c, 0, 0, 0, 0x01, 0x14, 0x02, 0], "a Windows shortcut"),
    (0, b"ITSF", "a Windows help file"),
    (0, b"!<arch>\ndebian", "a Linux package"),
    (0, &[0xed, 0xab, 0xee, 0xdb], "a Linux package"),
    (0x8001, b"CD001", "a disk image"),
];

/// What a double click runs or mounts.
#[rustfmt::skip]
const RUNNING_EXTENSIONS: &[&[&str]] = &[
    // Windows programs, libraries and installers
    &[
        "appinstaller", "application", "appref-ms", "appx", "appxbundle", "bat", "cmd", "com", "cpl", "dll", "drv", "exe",
        "gadget", "msi", "msix", "msixbundle", "msp", "mst", "msu", "ocx", "pif", "scr", "sys",
    ],
    // Windows scripts and what starts them
    &[
        "ahk", "chm", "diagcab", "grp", "hlp", "hta", "inf", "ins", "isp", "job", "js", "jse", "library-ms", "lnk", "msc",
        "msh", "osd", "ps1", "ps1xml", "ps2", "psc1", "psd1", "psm1", "rdp", "reg", "scf", "sct", "search-ms",
        "searchconnector-ms", "settingcontent-ms", "shb", "shs", "theme", "themepack", "url", "vb", "vbe", "vbs", "ws",
        "wsc", "wsf", "wsh", "xbap",
    ],
    // Disk images: what they hold has lost the mark of the web
    &["dmg", "img", "iso", "udf", "vhd", "vhdx", "vmdk"],
    // Office files with macros, add-ins and queries
    &[
        "accda", "accde", "ade", "adp", "docm", "dotm", "dqy", "iqy", "mam", "maq", "mar", "mda", "mde", "odc", "one", "oqy",
        "potm", "ppam", "ppsm", "pptm", "rqy", "sldm", "slk", "wll", "xla", "xlam", "xll", "xlm", "xlsm", "xltm",
    ],
    // macOS, Linux, Android
    &[
        "action", "apk", "app", "appimage", "bash", "command", "csh", "deb", "desktop", "dylib", "elf", "fish", "flatpak",
        "ksh", "mpkg", "pkg", "rpm", "run", "scpt", "sh", "snap", "so", "terminal", "tool", "workflow", "xapk", "zsh",
    ],
    // Languages that a double click runs
    &["class", "jar", "jnlp", "mjs", "pl", "py", "pyc", "pyo", "pyw", "pyz", "pyzw", "war"],
];

/// The media types of the same, and of scripts.
const RUNNING_TYPES: &[&str] = &[
    "application/bat",
    "application/ecmascript",
    "application/hta",
    "application/java-archive",
    "application/java-vm",
    "application/javascript",
    "application/msonenote",
    "application/onenote",
    "application/vnd.android.package-archive",
    "application/vnd.apple.installer+xml",
    "application/vnd.debian.binary-package",
    "application/vnd.microsoft.portable-executable",
    "application/vnd.ms-htmlhelp",
    "application/x-apple-diskimage",
    "application/x-bat",
    "application/x-csh",
    "application/x-deb",
    "application/x-debian-package",
    "application/x-dosexec",
    "application/x-elf",
    "application/x-exe",
    "application/x-executable",
    "application/x-iso9660-image",
    "application/x-java-archive",
    "application/x-java-jnlp-file",
    "application/x-javascript",
    "application/x-mach-binary",
    "application/x-ms-application",
    "application/x-ms-installer",
    "application/x-ms-shortcut",
    "application/x-msdos-program",
    "application/x-msdownload",
    "application/x-msi",
    "application/x-pie-executable",
    "application/x-redhat-package-manager",
    "application/x-rpm",
    "application/x-sh",
    "application/x-sharedlib",
    "application/x-shellscript",
    "application/x-winexe",
    "text/ecmascript",
    "text/javascript",
    "text/vbscript",
    "text/x-python",
    "text/x-sh",
    "text/x-shellscript",
];
