//! Keys as the database knows them: their numbers.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, Value, ValueRef};

use crate::keys::{Id, Kind};

impl<K: Kind> ToSql for Id<K> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.row().into())
    }
}

impl<K: Kind> FromSql for Id<K> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Id::of_row)
    }
}

impl<K: Kind> From<Id<K>> for Value {
    fn from(id: Id<K>) -> Value {
        Value::Integer(id.row())
    }
}
