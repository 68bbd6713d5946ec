# Perl's own HTTP::Tiny, with a connection that is kept.
use strict;
use warnings;
use HTTP::Tiny;
use MIME::Base64 qw(encode_base64);

my $client = HTTP::Tiny->new(keep_alive => 1);

sub step {
    my ($name, $method, $path, $version, %options) = @_;
    my %headers = (authorization => "Bearer $ENV{KEY}", 'cal-api-version' => $version, %{ $options{headers} || {} });
    my $answer = $client->request($method, $ENV{BASE} . $path, { %options, headers => \%headers });
    my $cache = $answer->{headers}{'cache-status'} // '';
    print join("\t", $name, $answer->{status}, $cache, encode_base64($answer->{content}, '')), "\n";
}

my $slots = "/v2/slots?$ENV{QUERY}";
my %json = ('content-type' => 'application/json');
my @pieces = ($ENV{OTHER_BOOKING});
step('look', 'GET', $slots, '2024-09-04');
step('again', 'GET', $slots, '2024-09-04');
step('book', 'POST', '/v2/bookings', '2024-08-13', headers => \%json, content => $ENV{BOOKING});
step('after', 'GET', $slots, '2024-09-04');
step('missing', 'GET', '/v2/bookings/nothing', '2024-08-13');
step('chunked', 'POST', '/v2/bookings', '2024-08-13', headers => \%json, content => sub { shift @pieces });
step('gzip', 'GET', '/v2/event-types', '2024-06-14', headers => { 'accept-encoding' => 'gzip, identity' });
