//! Applies the migrations to the database of a URL: `apply sqlite://file.db` or `apply postgres://…`.
//! `script/prepare-queries` uses it to make the throwaway databases that queries are checked against.

use sqlx::Connection;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: apply URL")?;
    if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(&url).await?;
        migrations::SQLITE.run(&mut connection).await?;
        connection.close().await?;
    } else {
        let mut connection = sqlx::PgConnection::connect(&url).await?;
        migrations::POSTGRES.run(&mut connection).await?;
        connection.close().await?;
    }
    Ok(())
}
