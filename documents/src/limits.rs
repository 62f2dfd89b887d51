//! How much of a document is looked at.

/// Bounds on the work and the memory that one document may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file itself.
    pub input_bytes: u64,
    /// Bytes that compressed parts may unpack to, all together.
    pub unpacked_bytes: u64,
    /// Bytes that one compressed part may unpack to.
    pub entry_bytes: u64,
    /// How many times larger than itself a compressed part may become. Parts that unpack to a mebibyte or less are
    /// not judged: small texts of spaces compress very well.
    pub ratio: u64,
    /// Members of an archive.
    pub entries: u64,
    /// How deep elements of XML, values of JSON, forms of a page and folders of an archive may be nested.
    pub depth: u64,
    /// Bytes of the name that a member of an archive is written under.
    pub name_bytes: u64,
    /// Archives within archives that are opened for one answer.
    pub nested_archives: u64,
    /// Pages of a PDF or slides of a presentation in one answer.
    pub pages: u64,
    /// Bytes of text in one answer.
    pub output_bytes: u64,
    /// Characters of one cell, string or value before it is cut.
    pub value_chars: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            input_bytes: 100 << 20,
            unpacked_bytes: 512 << 20,
            entry_bytes: 256 << 20,
            ratio: 200,
            entries: 10_000,
            depth: 256,
            name_bytes: 4_000,
            nested_archives: 2,
            pages: 100,
            output_bytes: 48 << 10,
            value_chars: 2_000,
        }
    }
}
