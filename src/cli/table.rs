//! A plain table for a terminal: columns as wide as what people see, Chinese counted twice.

use comfy_table::{Table, presets};

use super::tell;

pub type Row = Vec<String>;

/// Two blanks between the columns, none at the end of a line.
pub fn print(head: &[&str], rows: impl Iterator<Item = Row>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        tell(format_args!("  {}", line.trim_end()));
    }
}
