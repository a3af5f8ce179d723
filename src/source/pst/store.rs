//! The upper half of a PST (\[MS-PST\] 2.4): folders, and the messages in them as Outlook's items.

use std::collections::BTreeSet;
use std::fs::File;

use super::file::{Fault, Node, NodeId, PstFile};
use super::heap::{self, Bag};
use crate::mail::outlook::property::id;
use crate::mail::outlook::{Attached, Content, Item, MAX_ATTACHMENTS, MAX_DEPTH, MAX_RECIPIENTS, Properties};
use crate::source::MAX_MESSAGE_BYTES;

/// Nodes of the file that always have these numbers (\[MS-PST\] 2.4.1).
const STORE: NodeId = NodeId(0x21);
const ROOT_FOLDER: NodeId = NodeId(0x122);
/// And those within a message.
const ATTACHMENT_TABLE: u32 = 0x671;
const RECIPIENT_TABLE: u32 = 0x692;
/// Kinds of nodes.
const FOLDER: u32 = 0x02;
const MESSAGE: u32 = 0x04;
const ATTACHMENT: u32 = 0x05;
const SUBFOLDERS: u32 = 0x0D;
const CONTENTS: u32 = 0x0E;
/// Folders within folders; Outlook allows 300, and a path of that length is no name.
const MAX_FOLDER_DEPTH: usize = 300;
/// Bytes of the properties of a folder or store.
const FOLDER_BYTES: u64 = 1024 * 1024;
/// Properties of stores and folders.
const RECORD_KEY: u16 = 0x0FF9;
const TOP_FOLDER: u16 = 0x35E0;
const WASTEBASKET: u16 = 0x35E3;
const SENT: u16 = 0x35E4;
const DRAFTS: u16 = 0x36D7;

/// What a folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Mail.
    Mail,
    /// What we sent.
    Sent,
    /// What was thrown away, not finished, or is junk.
    LeftOut,
}

/// One folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// The names of the folders above it and its own, each without `/`.
    pub(super) path: Vec<String>,
    pub(super) purpose: Purpose,
    id: NodeId,
}

/// A store of folders.
#[derive(Debug)]
pub(super) struct Store {
    file: PstFile,
    /// What tells this store from every other one, in hexadecimal digits.
    pub(super) key: String,
    well_known: Vec<(NodeId, Purpose)>,
    top: NodeId,
}

impl Store {
    pub(super) fn open(file: File) -> Result<Self, Fault> {
        let mut file = PstFile::open(file)?;
        let node = file.node(STORE)?.ok_or(Fault::Damaged("its store is missing"))?;
        let properties = heap::bag(&mut file, node, &mut { FOLDER_BYTES })?.properties;
        let named = |id| properties.bytes(id).and_then(folder_of_entry);
        let mut well_known: Vec<_> = named(WASTEBASKET).map(|id| (id, Purpose::LeftOut)).into_iter().collect();
        well_known.extend(named(SENT).map(|id| (id, Purpose::Sent)));
        let key = properties.bytes(RECORD_KEY).unwrap_or_default().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let top = named(TOP_FOLDER).unwrap_or(ROOT_FOLDER);
        let mut store = Self { file, key, well_known, top };
        // Older versions say it on the root folder.
        if let Ok(properties) = store.folder_properties(ROOT_FOLDER) {
            store.well_known.extend(properties.bytes(DRAFTS).and_then(folder_of_entry).map(|id| (id, Purpose::LeftOut)));
        }
        Ok(store)
    }

    /// Every folder below the top one, each before those in it; and how many could not be read.
    pub(super) fn folders(&mut self) -> Result<(Vec<Folder>, Vec<String>), Fault> {
        let (mut folders, mut faults) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::from([self.top]);
        let top = Folder { path: Vec::new(), purpose: Purpose::Mail, id: self.top };
        let mut waiting = vec![top];
        while let Some(folder) = waiting.pop() {
            let inner = match self.subfolders(&folder, &mut seen) {
                Ok(inner) => inner,
                Err(Fault::System(error)) => return Err(error.into()),
                Err(fault) => {
                    faults.push(format!("the folders in {:?} cannot be read: {fault}", folder.path.join("/")));
                    Vec::new()
                }
            };
            waiting.extend(inner.into_iter().rev());
            folders.push(folder);
        }
        Ok((folders, faults))
    }

    fn subfolders(&mut self, folder: &Folder, seen: &mut BTreeSet<NodeId>) -> Result<Vec<Folder>, Fault> {
        if folder.path.len() >= MAX_FOLDER_DEPTH {
            return Err(Fault::Damaged("folders are nested deeper than the bound"));
        }
        let Some(node) = self.file.node(folder.id.with_kind(SUBFOLDERS))? else { return Ok(Vec::new()) };
        let ids = heap::row_ids(&mut self.file, node)?;
        let mut inner = Vec::new();
        // A search folder holds nothing of its own.
        for id in ids.into_iter().filter(|id| id.kind() == FOLDER) {
            if !seen.insert(id) {
                continue;
            }
            let properties = self.folder_properties(id).unwrap_or_default();
            let name = properties.text(id::DISPLAY_NAME).unwrap_or_else(|| format!("folder {:x}", id.0));
            let known = self.well_known.iter().find(|(known, _)| *known == id).map(|(_, purpose)| *purpose);
            let purpose = known.unwrap_or_else(|| by_name(&name));
            let purpose = if folder.purpose == Purpose::LeftOut { Purpose::LeftOut } else { purpose };
            let path = folder.path.iter().cloned().chain([name.replace('/', "∕")]).collect();
            inner.push(Folder { path, purpose, id });
        }
        Ok(inner)
    }

    fn folder_properties(&mut self, id: NodeId) -> Result<Properties, Fault> {
        let node = self.file.node(id)?.ok_or(Fault::Damaged("a folder is missing"))?;
        Ok(heap::bag(&mut self.file, node, &mut { FOLDER_BYTES })?.properties)
    }

    /// The messages of a folder, in the order in which they were made.
    pub(super) fn messages(&mut self, folder: &Folder) -> Result<Vec<NodeId>, Fault> {
        let Some(node) = self.file.node(folder.id.with_kind(CONTENTS))? else { return Ok(Vec::new()) };
        let mut ids = heap::row_ids(&mut self.file, node)?;
        ids.retain(|id| id.kind() == MESSAGE);
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// One message as Outlook's item.
    pub(super) fn message(&mut self, id: NodeId) -> Result<Item, Fault> {
        let node = self.file.node(id)?.ok_or(Fault::Damaged("a message is missing"))?;
        self.item(node, 0, &mut { MAX_MESSAGE_BYTES }, None)
    }

    fn item(&mut self, node: Node, depth: usize, most_bytes: &mut u64, code_page: Option<u16>) -> Result<Item, Fault> {
        let Bag { mut properties, subnodes, is_partial } = heap::bag(&mut self.file, node, most_bytes)?;
        properties.assume_code_page(code_page);
        let code_page = properties.code_page();
        let mut item = Item { properties, ..Item::default() };
        if is_partial {
            item.notes.push("a part of an Outlook message is damaged and left out".into());
        }
        if let Some(table) = subnodes.get(&RECIPIENT_TABLE) {
            match heap::rows(&mut self.file, *table, MAX_RECIPIENTS, most_bytes) {
                Ok(rows) => item.recipients = rows,
                Err(Fault::System(error)) => return Err(error.into()),
                Err(_) => item.notes.push("the recipients of an Outlook message cannot be read".into()),
            }
            item.recipients.iter_mut().for_each(|recipient| recipient.assume_code_page(code_page));
        }
        let listed = match subnodes.get(&ATTACHMENT_TABLE) {
            Some(table) => heap::row_ids(&mut self.file, *table).ok(),
            None => Some(Vec::new()),
        };
        // Where the list is damaged, what it would list is there all the same.
        let mut ids = listed.unwrap_or_else(|| subnodes.keys().copied().map(NodeId).filter(|id| id.kind() == ATTACHMENT).collect());
        ids.truncate(MAX_ATTACHMENTS + 1);
        for id in ids {
            let node = subnodes.get(&id.0).copied().ok_or(Fault::Damaged("an attachment is missing"));
            match node.and_then(|node| self.attachment(node, depth, most_bytes, code_page)) {
                Ok((attached, note)) => {
                    item.attachments.push(attached);
                    item.notes.extend(note);
                }
                Err(Fault::System(error)) => return Err(error.into()),
                Err(fault) => item.notes.push(format!("an attachment cannot be read: {fault}")),
            }
        }
        Ok(item)
    }

    fn attachment(
        &mut self,
        node: Node,
        depth: usize,
        most_bytes: &mut u64,
        code_page: Option<u16>,
    ) -> Result<(Attached, Option<String>), Fault> {
        let Bag { mut properties, subnodes, .. } = heap::bag(&mut self.file, node, most_bytes)?;
        properties.assume_code_page(code_page);
        let mut note = None;
        // Some writers leave out how it is attached: a message within it says so as well.
        let content = match subnodes.iter().find(|(id, _)| NodeId(**id).kind() == MESSAGE) {
            Some(_) if depth + 1 >= MAX_DEPTH => {
                note = Some("messages within messages deeper than the bound are left out".into());
                Content::Nothing
            }
            Some((_, inner)) => Content::Message(Box::new(self.item(*inner, depth + 1, most_bytes, code_page)?)),
            None => properties.take_bytes(id::ATTACH_DATA).map_or(Content::Nothing, Content::File),
        };
        Ok((Attached { properties, content }, note))
    }
}

/// The folder that an entry id names: flags, the key of the store, the number of the node (\[MS-PST\] 2.4.3.2).
fn folder_of_entry(entry: &[u8]) -> Option<NodeId> {
    entry.get(20..24)?.try_into().ok().map(|id| NodeId(u32::from_le_bytes(id)))
}

/// What a folder is for, by the names that Outlook gives in its languages.
fn by_name(name: &str) -> Purpose {
    const LEFT_OUT: [&str; 36] = [
        "deleted items",
        "deleted messages",
        "trash",
        "junk",
        "junk e-mail",
        "junk email",
        "spam",
        "drafts",
        "outbox",
        "sync issues",
        "conversation history",
        "gelöschte elemente",
        "gelöschte objekte",
        "junk-e-mail",
        "entwürfe",
        "postausgang",
        "synchronisierungsprobleme",
        "éléments supprimés",
        "courrier indésirable",
        "brouillons",
        "boîte d'envoi",
        "elementos eliminados",
        "correo no deseado",
        "borradores",
        "bandeja de salida",
        "posta eliminata",
        "posta indesiderata",
        "bozze",
        "posta in uscita",
        "verwijderde items",
        "ongewenste e-mail",
        "concepten",
        "itens excluídos",
        "lixo eletrônico",
        "rascunhos",
        "recoverable items",
    ];
    let name = name.trim().to_lowercase().replace('’', "'");
    if LEFT_OUT.contains(&name.as_str()) { Purpose::LeftOut } else { Purpose::Mail }
}
