//! The table of a sweep as Parquet: one row group, without compression.

use crate::sweep::{Cells, Column, Table};
use parquet::{
    basic::{LogicalType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::{ParquetError, Result},
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::Type,
};
use std::sync::Arc;

/// The bytes of the file.
pub(super) fn bytes(table: &Table) -> Result<Vec<u8>> {
    let fields = table
        .columns
        .iter()
        .map(|column| field(column).map(Arc::new));
    let schema = Type::group_type_builder("points").with_fields(fields.collect::<Result<_>>()?);
    let properties = WriterProperties::builder()
        .set_created_by(format!("iocp {}", env!("CARGO_PKG_VERSION")))
        .build();
    let schema = Arc::new(schema.build()?);
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in &table.columns {
        match &column.cells {
            Cells::Integers(cells) => write::<Int64Type, _>(&mut group, cells, |cell| *cell)?,
            Cells::Numbers(cells) => write::<DoubleType, _>(&mut group, cells, |cell| *cell)?,
            Cells::Texts(cells) => {
                write::<ByteArrayType, _>(&mut group, cells, |cell: &String| {
                    ByteArray::from(cell.as_str())
                })?
            }
        }
    }
    group.close()?;
    file.into_inner()
}

fn field(column: &Column) -> Result<Type> {
    let (physical, logical) = match &column.cells {
        Cells::Integers(_) => (Physical::INT64, None),
        Cells::Numbers(_) => (Physical::DOUBLE, None),
        Cells::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL)
        .build()
}

/// Writes the next column. What has no value is null.
fn write<D: DataType, C>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    cells: &[Option<C>],
    value: impl Fn(&C) -> D::T,
) -> Result<()> {
    let missing = || ParquetError::General("a column is not in the schema".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    let values: Vec<_> = cells.iter().flatten().map(value).collect();
    let present: Vec<_> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    column
        .typed::<D>()
        .write_batch(&values, Some(&present), None)?;
    column.close()
}
