//! What a power cut could leave on a disk, rebuilt from the writes and syncs that were written down.
//!
//! What was synced is there. Of what was not, each write is there whole, is not, or is there in part: sectors of 512 bytes,
//! in any choice, as if they had been reordered. Names of files are durable when their folder was synced; of later changes of
//! names a beginning is there, because file systems keep their order. Folders are taken as durable when they are made.

use std::collections::BTreeMap;
use std::path::Path;

use chaos::random::Random;

const HEAD_BYTES: usize = 29;
const SECTOR_BYTES: usize = 512;

/// One thing that the program did to the disk.
#[derive(Debug, Clone)]
pub struct Record {
    op: char,
    path: String,
    at: usize,
    data: Vec<u8>,
    /// Where the record ends in the journal.
    pub end: usize,
}

impl Record {
    pub fn is_sync(&self) -> bool {
        self.op == 'S'
    }

    /// Whether it is a sync of the file of this name.
    pub fn is_sync_of(&self, name: &str) -> bool {
        self.is_sync() && self.path.ends_with(name)
    }
}

/// Reads the journal of the shim.
pub fn read(journal: &Path) -> Vec<Record> {
    let bytes = std::fs::read(journal).unwrap();
    let number = |at: usize, length: usize| {
        let mut eight = [0; 8];
        eight[..length].copy_from_slice(&bytes[at..at + length]);
        usize::try_from(u64::from_le_bytes(eight)).unwrap()
    };
    let (mut records, mut at) = (Vec::new(), 0);
    while at + HEAD_BYTES <= bytes.len() {
        let path = at + HEAD_BYTES;
        let data = path + number(at + 1, 4);
        let end = data + number(at + 21, 8);
        records.push(Record {
            op: char::from(bytes[at]),
            path: String::from_utf8(bytes[path..data].to_vec()).unwrap(),
            at: number(at + 5, 8),
            data: bytes[data..end].to_vec(),
            end,
        });
        at = end;
    }
    records
}

/// A change of content that no sync has covered.
#[derive(Debug)]
enum Change<'a> {
    Write(usize, &'a [u8]),
    Length(usize),
}

#[derive(Debug, Default)]
struct File<'a> {
    durable: Vec<u8>,
    pending: Vec<Change<'a>>,
}

/// A change of names that no sync of the folder has covered. None: the name is gone.
type Rename = (String, Option<usize>);

/// A disk at one moment.
#[derive(Debug, Default)]
pub struct Disk<'a> {
    files: Vec<File<'a>>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<Rename>,
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl<'a> Disk<'a> {
    /// The disk after these records.
    pub fn after(records: &'a [Record]) -> Self {
        let mut disk = Self::default();
        for record in records {
            disk.apply(record);
        }
        disk
    }

    fn apply(&mut self, record: &'a Record) {
        let path = record.path.as_str();
        match record.op {
            'C' => {
                self.files.push(File::default());
                self.name(path, Some(self.files.len() - 1));
            }
            'W' => self.change(path, Change::Write(record.at, &record.data)),
            'T' => self.change(path, Change::Length(record.at)),
            'S' => self.sync(path),
            'U' => self.name(path, None),
            'R' | 'L' => {
                let to = std::str::from_utf8(&record.data).unwrap();
                let file = self.names.get(path).copied();
                self.name(to, file);
                if record.op == 'R' {
                    self.name(path, None);
                }
            }
            op => panic!("unknown record {op:?}"),
        }
    }

    fn name(&mut self, path: &str, file: Option<usize>) {
        self.pending_names.push((path.to_owned(), file));
        rename(&mut self.names, path, file);
    }

    fn change(&mut self, path: &str, change: Change<'a>) {
        // A file that was unlinked while it was open matters to nobody after a cut.
        if let Some(file) = self.names.get(path) {
            self.files[*file].pending.push(change);
        }
    }

    fn sync(&mut self, path: &str) {
        if let Some(file) = self.names.get(path) {
            let file = &mut self.files[*file];
            for change in std::mem::take(&mut file.pending) {
                make(&mut file.durable, &change, |_| true);
            }
            return;
        }
        // Moving into the folder and out of it is one change, so both names become durable together.
        let is_here = |(name, _): &Rename| folder(name) == path;
        for (name, file) in self.pending_names.iter().filter(|one| is_here(one)) {
            rename(&mut self.durable_names, name, *file);
        }
        self.pending_names.retain(|one| !is_here(one));
    }

    /// One of the many things that a cut now could leave, written into `to` instead of `root`.
    pub fn cut(&self, random: &mut Random, root: &str, to: &Path) {
        let mut names = self.durable_names.clone();
        let beginning = random.below(self.pending_names.len() + 1);
        for (name, file) in &self.pending_names[..beginning] {
            rename(&mut names, name, *file);
        }
        // All, nothing, or any choice.
        let mood = random.below(4);
        for (name, file) in names {
            let file = &self.files[file];
            let mut content = file.durable.clone();
            for change in &file.pending {
                match mood {
                    0 => {}
                    1 => make(&mut content, change, |_| true),
                    _ => {
                        let fate = random.below(3);
                        make(&mut content, change, |_| {
                            fate == 1 || fate == 2 && random.below(2) == 1
                        });
                    }
                }
            }
            let path = to.join(name.strip_prefix(root).unwrap().trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }
}

fn rename(names: &mut BTreeMap<String, usize>, path: &str, file: Option<usize>) {
    match file {
        Some(file) => names.insert(path.to_owned(), file),
        None => names.remove(path),
    };
}

/// Makes those parts of a change that `is_there` lets through, sector by sector.
fn make(content: &mut Vec<u8>, change: &Change<'_>, mut is_there: impl FnMut(usize) -> bool) {
    match change {
        Change::Length(length) => {
            if is_there(0) {
                content.resize(*length, 0);
            }
        }
        Change::Write(at, data) => {
            let mut from = 0;
            while from < data.len() {
                let to = data
                    .len()
                    .min((at + from) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - at);
                if is_there(at + from) {
                    let end = content.len().max(at + to);
                    content.resize(end, 0);
                    content[at + from..at + to].copy_from_slice(&data[from..to]);
                }
                from = to;
            }
        }
    }
}
