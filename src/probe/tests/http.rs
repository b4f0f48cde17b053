use super::*;

#[tokio::test]
async fn http_tells_the_status_and_why_it_refuses() {
    let (address, _server) = server(|n, stream| {
        say(stream, match n {
            0 => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 16\r\n\r\n\n no database yet",
            1 => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok!",
            2 => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302\r\nLocation: /login\r\n\r\n",
            3 => "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nboom!\r\n0\r\n\r\n",
            4 => "HTTP/1.0 404 Not Found\n\n",
            _ => "HTTP/1.1 abc\r\n\r\n",
        })
    })
    .await;
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → 503 Service Unavailable: no database yet")
    );
    assert_eq!(ask(http(address)).await, pass("GET /health → 200 OK"));
    assert_eq!(ask(http(address)).await, pass("GET /health → 302"));
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → 500 Oops: boom!")
    );
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → 404 Not Found")
    );
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → no HTTP, but `HTTP/1.1 abc`")
    );
}

#[tokio::test]
async fn http_survives_bad_servers() {
    let (address, _server) = server(|n, mut stream| async move {
        match n {
            0 => drop(stream),
            1 => say(stream, "\u{1b}[31m-ERR unknown command\r\n").await,
            2 => {
                // A body without an end.
                let _gone = stream.write_all(b"HTTP/1.1 500 Large\r\n\r\n").await;
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            }
            3 => {
                // A head without an end.
                let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
                while stream.write_all(b"X-Header: yes\r\n").await.is_ok() {}
            }
            _ => {
                // One byte now and then, forever.
                for byte in b"HTTP/1.1 200 OK\r\nX: y".iter().cycle() {
                    if stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
            }
        }
    })
    .await;
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → closed without an answer")
    );
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → no HTTP, but `-ERR unknown command`")
    );
    let large = ask(http(address)).await.into_text();
    assert!(
        large.starts_with("GET /health → 500 Large: xxx") && large.chars().count() < 220,
        "{large}"
    );
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health → the head of the answer does not end")
    );
    let begun = Instant::now();
    assert_eq!(
        ask(http(address)).await,
        fail("GET /health: no answer within 400ms")
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}
