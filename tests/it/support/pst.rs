//! Writes Outlook data files (\[MS-PST\]) as tests need them: what a reader looks at, and no more.

/// How wide the numbers are: 32 or 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Narrow,
    Wide,
}

/// A property: its tag (id and type) and its bytes.
pub(crate) type Property = (u32, Vec<u8>);

/// Text as a property of UTF-16.
pub(crate) fn text(id: u16, text: &str) -> Property {
    (u32::from(id) << 16 | 0x1F, text.encode_utf16().flat_map(u16::to_le_bytes).collect())
}

/// A number as a property.
pub(crate) fn number(id: u16, number: u32) -> Property {
    (u32::from(id) << 16 | 0x03, number.to_le_bytes().to_vec())
}

/// Bytes as a property.
pub(crate) fn bytes(id: u16, bytes: &[u8]) -> Property {
    (u32::from(id) << 16 | 0x0102, bytes.to_vec())
}

/// A message with what belongs to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Letter {
    pub(crate) properties: Vec<Property>,
    pub(crate) recipients: Vec<Vec<Property>>,
    pub(crate) attachments: Vec<Attached>,
}

/// An attachment: its properties, and the message that it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attached {
    pub(crate) properties: Vec<Property>,
    pub(crate) message: Option<Letter>,
}

/// A folder with its messages and folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    pub(crate) name: String,
    pub(crate) letters: Vec<Letter>,
    pub(crate) folders: Vec<Self>,
}

/// The bytes of a data file whose top folder holds these.
pub(crate) fn data_file(width: Width, folders: Vec<Folder>) -> Vec<u8> {
    let mut writer = Writer::new(width);
    let top = writer.folder(Folder { name: "Top".into(), letters: Vec::new(), folders });
    let entry = [&[0; 20][..], &top.to_le_bytes()].concat();
    let store = writer.bag(&[bytes(0x0FF9, &[7; 16]), bytes(0x35E0, &entry)], Vec::new());
    writer.node(0x21, store);
    writer.finish()
}

/// Where the data of a node and its own nodes are.
type Place = (u64, u64);

/// The longest thing in a heap.
const MOST_ITEM: usize = 3580;

/// Things in blocks, each with its number there.
#[derive(Default)]
struct Heap {
    blocks: Vec<Vec<Vec<u8>>>,
}

impl Heap {
    /// Adds a thing and says by what number it is found.
    fn push(&mut self, item: Vec<u8>) -> u32 {
        let bytes = |items: &Vec<Vec<u8>>| items.iter().map(|item| item.len() + 2).sum::<usize>();
        if self.blocks.last().is_none_or(|items| bytes(items) + item.len() > 8000) {
            self.blocks.push(Vec::new());
        }
        let number = self.blocks.len() as u32 - 1;
        let items = self.blocks.last_mut().unwrap();
        items.push(item);
        number << 16 | (items.len() as u32) << 5
    }

    fn set(&mut self, place: u32, item: Vec<u8>) {
        self.blocks[(place >> 16) as usize][(place >> 5 & 0x7FF) as usize - 1] = item;
    }

    /// A tree of records that begin with their keys; its header is in its place already.
    fn tree(&mut self, header: u32, key_bytes: usize, records: Vec<Vec<u8>>) {
        let entry_bytes = records.first().map_or(6, |record| record.len() - key_bytes);
        let mut level = records;
        for levels in 0_u8.. {
            let most = MOST_ITEM / level.first().map_or(1, Vec::len);
            let pages: Vec<(Vec<u8>, u32)> =
                level.chunks(most).map(|chunk| (chunk[0][..key_bytes].to_vec(), self.push(chunk.concat()))).collect();
            if let [] | [_] = pages.as_slice() {
                let root = pages.first().map_or(0, |(_, place)| *place);
                let sizes = [0xB5, key_bytes as u8, entry_bytes as u8, levels];
                return self.set(header, [&sizes[..], &root.to_le_bytes()].concat());
            }
            level = pages.into_iter().map(|(key, place)| [key, place.to_le_bytes().to_vec()].concat()).collect();
        }
    }
}

struct Writer {
    width: Width,
    out: Vec<u8>,
    blocks: Vec<(u64, u64, usize)>,
    nodes: Vec<(u32, Place)>,
    next: u32,
}

impl Writer {
    fn new(width: Width) -> Self {
        Self { width, out: vec![0; 1024], blocks: Vec::new(), nodes: Vec::new(), next: 0 }
    }

    fn word(&self, number: u64) -> Vec<u8> {
        let length = if self.width == Width::Wide { 8 } else { 4 };
        number.to_le_bytes()[..length].to_vec()
    }

    fn next_id(&mut self, kind: u32) -> u32 {
        self.next += 1;
        (self.next + 0x400) << 5 | kind
    }

    fn node(&mut self, id: u32, place: Place) {
        self.nodes.push((id, place));
    }

    /// Writes a block; `internal` ones hold numbers of blocks.
    fn block(&mut self, bytes: &[u8], internal: u64) -> u64 {
        assert!(bytes.len() <= 8180);
        let id = (self.blocks.len() as u64 + 1) << 2 | internal;
        self.blocks.push((id, self.out.len() as u64, bytes.len()));
        self.out.extend_from_slice(bytes);
        self.out.resize(self.out.len().next_multiple_of(64) + 64, 0);
        id
    }

    /// Data of any length.
    fn data(&mut self, bytes: &[u8]) -> u64 {
        if bytes.len() <= 8000 {
            return self.block(bytes, 0);
        }
        let blocks: Vec<u64> = bytes.chunks(8000).map(|chunk| self.block(chunk, 0)).collect();
        self.list(&blocks)
    }

    fn subnodes(&mut self, mut nodes: Vec<(u32, Place)>) -> u64 {
        if nodes.is_empty() {
            return 0;
        }
        nodes.sort();
        let mut list = vec![2, 0];
        list.extend(u16::try_from(nodes.len()).unwrap().to_le_bytes());
        list.resize(if self.width == Width::Wide { 8 } else { 4 }, 0);
        for (id, (data, below)) in nodes {
            [u64::from(id), data, below].iter().for_each(|number| list.extend(self.word(*number)));
        }
        self.block(&list, 2)
    }

    fn heap(&mut self, client: u8, heap: &Heap) -> u64 {
        let blocks: Vec<u64> = heap
            .blocks
            .iter()
            .enumerate()
            .map(|(number, items)| {
                let mut out = if number == 0 { vec![0, 0, 0xEC, client, 0x20, 0, 0, 0, 0, 0, 0, 0] } else { vec![0, 0] };
                let mut places = vec![out.len()];
                for item in items {
                    out.extend_from_slice(item);
                    places.push(out.len());
                }
                let map = u16::try_from(out.len()).unwrap();
                out[..2].copy_from_slice(&map.to_le_bytes());
                out.extend(u16::try_from(items.len()).unwrap().to_le_bytes());
                out.extend([0, 0]);
                places.iter().for_each(|place| out.extend(u16::try_from(*place).unwrap().to_le_bytes()));
                self.block(&out, 0)
            })
            .collect();
        self.list(&blocks)
    }

    /// One block, or a list of them.
    fn list(&mut self, blocks: &[u64]) -> u64 {
        if let [only] = blocks {
            return *only;
        }
        let mut list = vec![1, 1];
        list.extend(u16::try_from(blocks.len()).unwrap().to_le_bytes());
        list.extend([0; 4]);
        blocks.iter().for_each(|block| list.extend(self.word(*block)));
        self.block(&list, 2)
    }

    fn bag(&mut self, properties: &[Property], mut below: Vec<(u32, Place)>) -> Place {
        let mut properties = properties.to_vec();
        properties.sort();
        let mut heap = Heap::default();
        let header = heap.push(vec![0; 8]);
        let mut records = Vec::new();
        for (tag, value) in properties {
            let (id, kind) = ((tag >> 16) as u16, tag as u16);
            let place = match kind {
                0x03 => u32::from_le_bytes(value.try_into().unwrap()),
                _ if value.len() > 1000 => {
                    let id = self.next_id(0x1F);
                    below.push((id, (self.data(&value), 0)));
                    id
                }
                _ => heap.push(value),
            };
            records.push([&id.to_le_bytes()[..], &kind.to_le_bytes(), &place.to_le_bytes()].concat());
        }
        heap.tree(header, 2, records);
        let data = self.heap(0xBC, &heap);
        (data, self.subnodes(below))
    }

    /// A table whose columns are numbers and texts.
    fn table(&mut self, rows: &[(u32, Vec<Property>)]) -> Place {
        let mut tags: Vec<u32> = rows.iter().flat_map(|(_, row)| row.iter().map(|(tag, _)| *tag)).chain([0x67F2_0003]).collect();
        tags.sort();
        tags.dedup();
        let (cells, bits) = (tags.len() * 4, tags.len().div_ceil(8));
        let mut heap = Heap::default();
        let info_place = heap.push(vec![0; 22 + 8 * tags.len()]);
        let header = heap.push(vec![0; 8]);
        let index_bytes = if self.width == Width::Wide { 4 } else { 2 };
        let (mut index, mut matrix) = (Vec::new(), Vec::new());
        for (number, (id, row)) in rows.iter().enumerate() {
            index.push([&id.to_le_bytes()[..], &(number as u32).to_le_bytes()[..index_bytes]].concat());
            let (mut cells, mut bits) = (Vec::new(), vec![0_u8; bits]);
            for (place, tag) in tags.iter().enumerate() {
                let cell = match row.iter().find(|(own, _)| own == tag) {
                    _ if *tag == 0x67F2_0003 => *id,
                    Some((tag, value)) if *tag as u16 == 3 => u32::from_le_bytes(value.as_slice().try_into().unwrap()),
                    Some((_, value)) => heap.push(value.clone()),
                    None => {
                        cells.extend([0; 4]);
                        continue;
                    }
                };
                bits[place / 8] |= 0x80 >> (place % 8);
                cells.extend(cell.to_le_bytes());
            }
            matrix.push([cells, bits].concat());
        }
        heap.tree(header, 4, index);
        let mut below = Vec::new();
        let matrix_place = match matrix.concat() {
            rows if rows.len() <= MOST_ITEM => heap.push(rows),
            _ => {
                // Rows do not cross from one block into the next, and each block but the last is full.
                let full = if self.width == Width::Wide { 8176 } else { 8180 };
                let blocks: Vec<u64> = matrix
                    .chunks(full / matrix[0].len())
                    .map(|rows| {
                        let mut rows = rows.concat();
                        rows.resize(full, 0);
                        self.block(&rows, 0)
                    })
                    .collect();
                let id = self.next_id(0x1F);
                below.push((id, (self.list(&blocks), 0)));
                id
            }
        };
        let mut info = vec![0x7C, u8::try_from(tags.len()).unwrap()];
        [cells, cells, cells, cells + bits].iter().for_each(|end| info.extend(u16::try_from(*end).unwrap().to_le_bytes()));
        info.extend([header, matrix_place, 0].iter().flat_map(|id| id.to_le_bytes()));
        for (place, tag) in tags.iter().enumerate() {
            info.extend(tag.to_le_bytes());
            info.extend(u16::try_from(place * 4).unwrap().to_le_bytes());
            info.extend([4, u8::try_from(place).unwrap()]);
        }
        heap.set(info_place, info);
        (self.heap(0x7C, &heap), self.subnodes(below))
    }

    fn letter(&mut self, letter: Letter) -> Place {
        let mut below = Vec::new();
        let recipients: Vec<_> = (0_u32..).zip(letter.recipients).collect();
        below.push((0x692, self.table(&recipients)));
        let mut rows = Vec::new();
        for Attached { mut properties, message } in letter.attachments {
            let mut inner = Vec::new();
            if let Some(message) = message {
                let id = self.next_id(0x04);
                inner.push((id, self.letter(message)));
                properties.push((0x3701_000D, [id.to_le_bytes(), [0; 4]].concat()));
            }
            let id = self.next_id(0x05);
            rows.push((id, Vec::new()));
            below.push((id, self.bag(&properties, inner)));
        }
        below.push((0x671, self.table(&rows)));
        self.bag(&letter.properties, below)
    }

    fn folder(&mut self, folder: Folder) -> u32 {
        let id = self.next_id(0x02);
        let bag = self.bag(&[text(0x3001, &folder.name)], Vec::new());
        self.node(id, bag);
        let mut rows = Vec::new();
        for letter in folder.letters {
            let id = self.next_id(0x04);
            let place = self.letter(letter);
            self.node(id, place);
            rows.push((id, Vec::new()));
        }
        let contents = self.table(&rows);
        self.node(id & !0x1F | 0x0E, contents);
        let rows: Vec<_> = folder.folders.into_iter().map(|inner| (self.folder(inner), Vec::new())).collect();
        let hierarchy = self.table(&rows);
        self.node(id & !0x1F | 0x0D, hierarchy);
        id
    }

    fn page(&mut self, entries: &[Vec<u8>], level: u8) -> u64 {
        let at = self.out.len().next_multiple_of(512);
        self.out.resize(at + 512, 0);
        entries.concat().iter().enumerate().for_each(|(place, byte)| self.out[at + place] = *byte);
        let count = at + if self.width == Width::Wide { 488 } else { 496 };
        self.out[count] = u8::try_from(entries.len()).unwrap();
        self.out[count + 2] = u8::try_from(entries[0].len()).unwrap();
        self.out[count + 3] = level;
        at as u64
    }

    /// A tree of pages, each level of pages that hold `most` entries.
    fn tree(&mut self, mut entries: Vec<Vec<u8>>, most: usize) -> u64 {
        let word = self.word(0).len();
        entries.sort_by_key(|entry| u64::from_le_bytes([&entry[..word], &[0; 8]].concat()[..8].try_into().unwrap()));
        for level in 0.. {
            let pages: Vec<(Vec<u8>, u64)> =
                entries.chunks(most).map(|chunk| (chunk[0][..word].to_vec(), self.page(chunk, level))).collect();
            if let [(_, root)] = pages.as_slice() {
                return *root;
            }
            entries = pages.into_iter().map(|(key, page)| [key, self.word(0), self.word(page)].concat()).collect();
        }
        unreachable!("each level has fewer pages than the one below")
    }

    fn finish(mut self) -> Vec<u8> {
        let word = |number| self.word(number);
        let nodes: Vec<Vec<u8>> = self
            .nodes
            .iter()
            .map(|(id, (data, below))| [word((*id).into()), word(*data), word(*below), word(0)].concat())
            .collect();
        let length = |bytes: usize| [&u16::try_from(bytes).unwrap().to_le_bytes()[..], &[2, 0]].concat();
        let blocks: Vec<Vec<u8>> = self
            .blocks
            .iter()
            .map(|(id, at, bytes)| [word(*id), word(*at), length(*bytes), vec![0; word(0).len() - 4]].concat())
            .collect();
        let (nodes, blocks) = (self.tree(nodes, 10), self.tree(blocks, 10));
        let (version, places): (u16, [usize; 2]) = if self.width == Width::Wide { (23, [224, 240]) } else { (14, [188, 196]) };
        self.out[..4].copy_from_slice(b"!BDN");
        self.out[10..12].copy_from_slice(&version.to_le_bytes());
        for (place, root) in places.into_iter().zip([nodes, blocks]) {
            let root = self.word(root);
            self.out[place..place + root.len()].copy_from_slice(&root);
        }
        self.out
    }
}
