//! All members of an archive into a folder: first a plan that is checked as a whole, then the writing.

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;

use super::name::safe_name;
use super::visit::{Member, MemberKind, Next, open};
use super::write::Writer;
use crate::clean::one_line;
use crate::error::Error;
use crate::format::Format;
use crate::limits::Limits;

/// What would be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Files by their safe names, with the bytes that they claim to have.
    pub files: BTreeMap<String, u64>,
    /// Members that are left out, such as links, each with the reason.
    pub left_out: Vec<(String, &'static str)>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extracted {
    /// Files by their names below the folder, with their bytes.
    pub files: BTreeMap<String, u64>,
    /// Members that were left out, each with the reason.
    pub left_out: Vec<(String, &'static str)>,
}

/// Looks at all members, and refuses the archive if any name is unsafe.
pub fn plan<R: Read + Seek>(file: &mut R, limits: &Limits) -> Result<Plan, Error> {
    let mut making = Making::default();
    open(file, limits, &mut |member, _| {
        making.add(member, limits)?;
        Ok(Next::GoOn)
    })?;
    making.check()?;
    let mut bytes = 0u64;
    for (name, own) in &making.plan.files {
        bytes = bytes.saturating_add(*own);
        let what = || format!("the member `{name}`");
        if *own > limits.entry_bytes {
            return Err(Error::limit("entry_bytes", limits.entry_bytes, what()));
        }
        if bytes > limits.unpacked_bytes {
            return Err(Error::limit(
                "unpacked_bytes",
                limits.unpacked_bytes,
                what(),
            ));
        }
    }
    Ok(making.plan)
}

/// Writes all files of an archive below `folder`, which exists. Files that are there are written over only with `replace`.
///
/// No link is followed or made, and nothing but a file is ever replaced. After an error all is as it was, unless the error is
/// [`Error::Halfway`], which names what is not.
pub fn extract_into<R: Read + Seek>(
    file: &mut R,
    folder: &Path,
    replace: bool,
    limits: &Limits,
) -> Result<Extracted, Error> {
    let plan = plan(file, limits)?;
    let mut writer = Writer::new(folder, replace);
    writer.look(plan.files.keys())?;
    match write_all(file, &plan, &mut writer, limits) {
        Ok(files) => Ok(Extracted {
            files,
            left_out: plan.left_out,
        }),
        Err(error) => {
            let new = writer.undo();
            if new.is_empty() {
                return Err(error);
            }
            let source = Box::new(error);
            Err(Error::Halfway { new, source })
        }
    }
}

fn write_all<R: Read + Seek>(
    file: &mut R,
    plan: &Plan,
    writer: &mut Writer<'_>,
    limits: &Limits,
) -> Result<BTreeMap<String, u64>, Error> {
    writer.begin()?;
    let mut files = BTreeMap::new();
    open(file, limits, &mut |member, source| {
        let Ok(name) = safe_name(&member.name) else {
            return Ok(Next::GoOn);
        };
        if member.kind == MemberKind::File && plan.files.contains_key(&name) {
            let bytes = writer.write(&name, member.is_executable, source)?;
            files.insert(name, bytes);
        }
        Ok(Next::GoOn)
    })?;
    writer.finish()?;
    Ok(files)
}

/// A plan that grows member by member.
#[derive(Default)]
struct Making {
    plan: Plan,
    /// Every file and every folder in small letters, with the name as it stands in the archive.
    files: BTreeMap<String, String>,
    folders: BTreeMap<String, String>,
}

impl Making {
    fn add(&mut self, member: &Member, limits: &Limits) -> Result<(), Error> {
        let refused = |why| Error::UnsafeName {
            name: one_line(&member.name),
            why,
        };
        // Archives begin with the folder itself at times.
        let is_root =
            member.kind == MemberKind::Folder && ["./", "."].contains(&member.name.as_str());
        if is_root {
            return Ok(());
        }
        let name = safe_name(&member.name).map_err(refused)?;
        if member.kind == MemberKind::Other {
            self.plan.left_out.push((name, "it is a link or a device"));
            return Ok(());
        }
        if member.is_encrypted {
            return Err(Error::Encrypted(Format::Zip));
        }
        if name.len() as u64 > limits.name_bytes {
            return Err(refused("the name is too long"));
        }
        if name.split('/').count() as u64 > limits.depth {
            let what = "folders of an archive within folders";
            return Err(Error::limit("depth", limits.depth, what));
        }
        for (end, _) in name.match_indices('/') {
            self.folder(&name[..end]).map_err(refused)?;
        }
        if member.kind == MemberKind::Folder {
            return self.folder(&name).map_err(refused);
        }
        let taken = self.files.insert(name.to_lowercase(), name.clone());
        match taken {
            Some(taken) if taken == name => return Err(refused("the name is there twice")),
            Some(_) => {
                return Err(refused(
                    "another name differs in small and capital letters only",
                ));
            }
            None => {}
        }
        self.plan.files.insert(name, member.bytes);
        Ok(())
    }

    fn folder(&mut self, name: &str) -> Result<(), &'static str> {
        let own = self
            .folders
            .entry(name.to_lowercase())
            .or_insert_with(|| name.to_owned());
        if own == name {
            return Ok(());
        }
        Err("another name differs in small and capital letters only")
    }

    /// No file may stand where a folder has to be.
    fn check(&self) -> Result<(), Error> {
        let both = self
            .files
            .iter()
            .find(|(name, _)| self.folders.contains_key(*name));
        both.map_or(Ok(()), |(_, name)| {
            let why = "it is a file and a folder at once";
            Err(Error::UnsafeName {
                name: name.clone(),
                why,
            })
        })
    }
}
