// The client of java.net.http as it comes: it offers HTTP/2 with the first request of each connection.
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.Base64;

public class Client {
  static HttpClient client = HttpClient.newHttpClient();

  static String env(String name) {
    return System.getenv(name);
  }

  static void step(String name, String path, String version, BodyPublisher body, String... headers) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(env("BASE") + path))
        .header("authorization", "Bearer " + env("KEY"))
        .header("cal-api-version", version);
    if (headers.length > 0) {
      request.headers(headers);
    }
    if (body != null) {
      request.POST(body).header("content-type", "application/json");
    }
    HttpResponse<byte[]> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    String cache = answer.headers().firstValue("cache-status").orElse("");
    String text = Base64.getEncoder().encodeToString(answer.body());
    System.out.println(name + "\t" + answer.statusCode() + "\t" + cache + "\t" + text);
  }

  public static void main(String[] args) throws Exception {
    String slots = "/v2/slots?" + env("QUERY");
    byte[] other = env("OTHER_BOOKING").getBytes("UTF-8");
    step("look", slots, "2024-09-04", null);
    step("again", slots, "2024-09-04", null);
    // Anew, so that the offer comes with a request that has a body.
    client = HttpClient.newHttpClient();
    step("book", "/v2/bookings", "2024-08-13", BodyPublishers.ofString(env("BOOKING")));
    step("after", slots, "2024-09-04", null);
    step("missing", "/v2/bookings/nothing", "2024-08-13", null);
    step("chunked", "/v2/bookings", "2024-08-13", BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(other)));
    step("gzip", "/v2/event-types", "2024-06-14", null, "accept-encoding", "gzip, identity");
  }
}
