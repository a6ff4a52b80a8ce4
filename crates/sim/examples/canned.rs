//! Serves answers that were recorded before, from memory: `canned FILE` prints its address and ends when its input does.
//!
//! For measuring a client: making an answer takes the server no time. The file has for each answer a line with the path and the
//! length of the answer, then the answer as it was sent, status line and headers included.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

type Answers = HashMap<String, Vec<u8>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: canned FILE")?;
    let answers = Arc::new(read(BufReader::new(std::fs::File::open(file)?))?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answers = answers.clone();
            // A client that goes away ends its connection only.
            std::thread::spawn(move || _ = serve(&connection, &answers));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn read(mut file: impl BufRead) -> Result<Answers, Box<dyn std::error::Error>> {
    let mut answers = Answers::new();
    let mut line = String::new();
    while file.read_line(&mut line)? > 0 {
        let (path, length) = line.trim_end().rsplit_once(' ').ok_or("a line without a length")?;
        let mut answer = vec![0; length.parse()?];
        file.read_exact(&mut answer)?;
        answers.insert(path.to_owned(), answer);
        line.clear();
    }
    Ok(answers)
}

/// Answers the requests of one connection, which have no bodies.
fn serve(connection: &TcpStream, answers: &Answers) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut requests = BufReader::new(connection);
    let mut line = String::new();
    loop {
        line.clear();
        if requests.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while line.trim_end() != "" {
            line.clear();
            requests.read_line(&mut line)?;
        }
        const UNKNOWN: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let mut connection = connection;
        connection.write_all(answers.get(&path).map_or(UNKNOWN, |answer| answer))?;
    }
}
