//! Variant files: VCF, BCF and plain tables in; the same with scores out.
//!
//! ```text
//! ##fileformat=VCFv4.2                                   header: what the fields mean
//! #CHROM  POS  ID  REF  ALT  QUAL  FILTER  INFO  ...     column names, then samples
//! chr1    100  .   A    C,T  .     .       AC=3,1        POS counts from 1; INFO: KEY=a value for each ALT
//! ```
//!
//! A [`Record`] keeps its line as it came. What is written is that line with more fields in INFO, and nothing else of it
//! changes: samples, filters and other fields are copied byte by byte. BCF becomes lines when it is read and goes back when
//! it is written (`bcf`).

mod bcf;
mod contigs;
mod header;
mod index;
mod read;
mod record;
mod region;
mod table;
#[cfg(test)]
mod tests;
mod write;

pub use contigs::ContigNames;
pub use header::{FieldKind, Header, InfoField, Value};
pub use read::VariantReader;
pub use record::Record;
pub use region::Region;
pub use write::{Format, VariantWriter};
