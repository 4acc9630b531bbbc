"""Batches that are sent in the background: POST /message/sendbatch?async=true and /jobs."""

import json
import socket
import threading
import time
import unittest

from harness import GROUP, RawHttp, Server, ServerCase, fresh, item, wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}
HEAD = ("POST /message/sendbatch?async=true%s HTTP/1.1\r\nHost: h\r\n"
        "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
ENDED = ("done", "cancelled", "failed")


def lines_of(items):
    return "".join(json.dumps(i) + "\n" for i in items).encode()


class Jobs:
    """The jobs of a server."""

    def __init__(self, server):
        self.server = server

    def make(self, items, query="", lines=True, **options):
        """The id of a new job."""
        path = "/message/sendbatch?async=true" + query
        if lines:
            answer = self.server.post(path, lines_of(items), headers=NDJSON, timeout=60, **options)
        else:
            answer = self.server.post(path, items, **options)
        assert answer.status == 202, answer
        made = answer.json()
        assert answer.headers["location"] == "/jobs/" + made["id"], answer.headers
        assert made["items"] == len(items), made
        return made["id"]

    def get(self, job):
        answer = self.server.get("/jobs/" + job)
        assert answer.status == 200, answer
        return answer.json()

    def wait(self, job, states=ENDED, timeout=60.0):
        def look():
            found = self.get(job)
            return found if found["state"] in states else None

        return wait_until(look, timeout, what="job %s" % job)

    def wait_for_progress(self, job, least=1):
        def look():
            found = self.get(job)
            return found if found["accepted"] >= least else None

        return wait_until(look, 30, what="progress of job %s" % job)

    def wait_for_counts(self, job, messages):
        """When it is counted whom so many messages have reached."""
        def look():
            found = self.get(job)
            return found if found["fanned_out"] >= messages else None

        return wait_until(look, 30, what="counts of job %s" % job)

    def act(self, job, action):
        return self.server.post("/jobs/%s/%s" % (job, action))

    def results(self, job, query=""):
        answer = self.server.get("/jobs/%s/results%s" % (job, query), timeout=60)
        assert answer.status == 200, answer
        assert answer.headers["content-type"] == "application/x-ndjson", answer.headers
        *results, end = [json.loads(line) for line in answer.body.decode().splitlines()]
        assert end == {"done": True, "items": len(results)}, end
        return results


class JobCase(ServerCase):
    def setUp(self):
        self.jobs = Jobs(self.server)

    def assert_once_each(self, server, groups, total):
        """Every item `n<i>` is in its group once, in the order of the job."""
        for place, group in enumerate(groups):
            found = [m["payload"] for m in server.messages(group)]
            wanted = [item(group, "n%d" % i)["payload"]
                      for i in range(place, total, len(groups))]
            self.assertEqual(len(found), len(wanted))
            self.assertEqual(found, wanted)


def spread(groups, total, **extra):
    return [item(groups[i % len(groups)], "n%d" % i, **extra) for i in range(total)]


class Running(JobCase):
    def test_thousands_of_items_reach_their_receivers(self):
        groups = [fresh("g") for _ in range(5)]
        for group in groups:
            self.server.create_group(group, ["alice"])
        with self.server.client("alice") as alice:
            job = self.jobs.make(spread(groups, 5000))
            received = {}
            for _ in range(5000):
                got = alice.recv()
                received.setdefault(got.channel_id, []).append(got.message_seq)
        self.assertEqual({g: received[g] for g in groups},
                         {g: list(range(1, 1001)) for g in groups})
        done = self.jobs.wait(job)
        self.assertEqual((done["state"], done["items"], done["accepted"], done["pending"]),
                         ("done", 5000, 5000, 0))
        self.assertEqual((done["duplicate"], done["refused"], done["unknown"]), (0, 0, 0))
        self.assertGreaterEqual(done["ended_at"], done["started_at"])
        self.assert_once_each(self.server, groups, 5000)
        results = self.jobs.results(job)
        self.assertEqual([r["index"] for r in results], list(range(5000)))
        self.assertEqual([r["message_seq"] for r in results[0::5]], list(range(1, 1001)))
        self.assertEqual(results[17]["client_msg_no"], job + "-17")

    def test_receivers_are_pushed_to_or_left(self):
        group, live = fresh("g"), fresh("live")
        users = [fresh("u") for _ in range(4)]
        self.server.create_group(group, users + ["sender"])
        here, twice, _, late = users
        self.client(here)
        # One user with two devices, wherever they are connected.
        self.client(twice)
        self.client(twice, device_flag=1, device_id="dev2")
        self.client("sender")
        items = spread([group], 300) + [item(late, "p%d" % i, channel_type=1) for i in range(50)]
        job = self.jobs.make(items + [item(live, "to nobody")])
        at = self.jobs.wait_for_counts(job, 351)
        self.assertEqual((at["fanned_out"], at["pushed_online"], at["left_offline"]),
                         (351, 600, 650))
        done = self.jobs.wait(job)
        self.assertEqual(done["accepted"], 351)
        # What is sent once more is found, and reaches nobody again.
        again = self.jobs.wait(self.jobs.make([item(group, "n0", client_msg_no=job + "-0")]))
        self.assertEqual((again["duplicate"], again["fanned_out"], again["left_offline"]),
                         (1, 0, 0))

    def test_every_form_and_the_header(self):
        group, user = fresh("g"), fresh("u")
        forms = [
            [item(group, "a"), item(group, "b")],
            {"defaults": {"from_uid": "sys", "channel_id": group, "channel_type": GROUP},
             "items": [{"payload": {"t": 1}}, {"payload": {"t": 2}}]},
            {"from_uid": "sys", "subscribers": [user, "no@user"], "payload": {"t": 3}},
        ]
        for query, headers in (("?async=true", {}), ("", {"Prefer": "respond-async"})):
            for form in forms:
                with self.subTest(query=query, form=str(form)[:40]):
                    answer = self.server.post("/message/sendbatch" + query, form, headers=headers)
                    self.assertEqual(answer.status, 202, answer)
                    self.assertEqual(answer.headers.get("preference-applied"),
                                     "respond-async" if headers else None)
                    done = self.jobs.wait(answer.json()["id"])
                    self.assertEqual((done["state"], done["items"]), ("done", 2))
                    self.assertEqual(done["accepted"] + done["refused"], 2)
        self.assertEqual(self.server.max_seq(group), 8)

    def test_a_bad_item_of_an_array_makes_nothing(self):
        group = fresh("g")
        before = self.server.get("/jobs").json()["jobs"]
        for body in ([item(group, "a"), {"from_uid": "u"}], [], {"items": []}, b"["):
            self.assert_error(self.server.post("/message/sendbatch?async=true", body), 400)
        self.assertEqual(self.server.get("/jobs").json()["jobs"], before)
        self.assertEqual(self.server.max_seq(group), 0)

    def test_a_bad_line_is_refused_by_itself(self):
        group = fresh("g")
        body = (lines_of([item(group, "a")]) + b"[1]\n" +
                lines_of([item(group, "b", channel_type=0), item(group, "c")]))
        answer = self.server.post("/message/sendbatch?async=true", body, headers=NDJSON)
        self.assertEqual((answer.status, answer.json()["refused"]), (202, 2), answer)
        job = answer.json()["id"]
        done = self.jobs.wait(job)
        self.assertEqual((done["accepted"], done["refused"]), (2, 2))
        self.assertEqual(self.server.max_seq(group), 2)
        first, second = self.jobs.results(job, "?status=refused")
        self.assertEqual((first["index"], first["code"], first["msg"]),
                         (1, "invalid", "the message must be an object"))
        self.assertEqual((second["index"], second["code"]), (2, "invalid"))
        self.assertEqual([r["index"] for r in self.jobs.results(job, "?status=accepted")], [0, 3])
        self.assertEqual([r["index"] for r in self.jobs.results(job, "?from=2")], [2, 3])

    def test_an_upload_that_is_cut_sends_nothing(self):
        group = fresh("g")
        known = {j["id"] for j in self.server.get("/jobs").json()["jobs"]}
        data = lines_of(spread([group], 3000))
        with RawHttp(self.server) as raw:
            raw.send(HEAD % "")
            for at in range(0, len(data) - 100, 50_000):
                piece = data[at:at + 50_000]
                raw.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            raw.sock.shutdown(socket.SHUT_WR)
            answer = raw.read_response()
            self.assertEqual(answer.status, 400)
            self.assertIn("the job was not started", answer.json()["msg"])
        # The caller has gone altogether.
        with RawHttp(self.server) as raw:
            raw.send(HEAD % "")
            raw.send(b"%x\r\n%s\r\n" % (len(data), data))

        def failed():
            jobs = self.server.get("/jobs?state=failed").json()["jobs"]
            return [j for j in jobs if j["id"] not in known]

        wait_until(lambda: len(failed()) == 2, what="both jobs to fail")
        for job in failed():
            self.assertIn("the upload was cut", job["reason"])
            self.assert_error(self.server.get("/jobs/%s/results" % job["id"]), 409)
            self.assert_error(self.jobs.act(job["id"], "resume"), 409)
            self.assert_error(self.jobs.act(job["id"], "retry"), 409)
        time.sleep(0.3)
        self.assertEqual(self.server.max_seq(group), 0)

    def test_pause_resume_cancel_delete(self):
        group = fresh("g")
        job = self.jobs.make(spread([group], 2000), "&rate=400")
        self.jobs.wait_for_progress(job)
        paused = self.jobs.act(job, "pause").json()
        self.assertEqual(paused["state"], "paused")
        time.sleep(0.7)
        at = self.jobs.get(job)
        self.assertLess(at["accepted"], 2000)
        time.sleep(0.7)
        self.assertEqual(self.jobs.get(job)["accepted"], at["accepted"])
        self.assertEqual(self.server.max_seq(group), at["accepted"])
        self.assert_error(self.server.request("DELETE", "/jobs/" + job), 409)
        self.assertIn(self.jobs.act(job, "resume").json()["state"], ("ready", "running"))
        self.jobs.wait_for_progress(job, at["accepted"] + 1)
        self.assertEqual(self.jobs.act(job, "cancel").json()["state"], "cancelled")
        time.sleep(0.7)
        end = self.jobs.get(job)
        self.assertEqual(self.server.max_seq(group), end["accepted"])
        self.assertEqual(end["pending"], 2000 - end["accepted"])
        told = self.assert_error(self.jobs.act(job, "pause"), 409)
        self.assertEqual(told["msg"], "the job is cancelled: it cannot be paused")
        self.assert_error(self.jobs.act(job, "resume"), 409)
        pending = self.jobs.results(job, "?status=pending")
        self.assertEqual(len(pending), end["pending"])
        self.assertEqual(self.server.request("DELETE", "/jobs/" + job).status, 200)
        for answer in (self.server.get("/jobs/" + job), self.jobs.act(job, "pause"),
                       self.server.get("/jobs/%s/results" % job),
                       self.server.request("DELETE", "/jobs/" + job)):
            self.assert_error(answer, 404)

    def test_retry_sends_what_failed(self):
        good, banned = fresh("g"), fresh("g")
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 1})
        items = [item(banned if i % 10 == 0 else good, "n%d" % i) for i in range(1500)]
        job = self.jobs.make(items)
        done = self.jobs.wait(job)
        self.assertEqual((done["accepted"], done["refused"]), (1350, 150))
        self.assertEqual({r["reason"] for r in self.jobs.results(job, "?status=refused")}, {19})
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 0})
        self.assertIn(self.jobs.act(job, "retry").json()["state"], ("ready", "running", "done"))
        done = self.jobs.wait(job)
        self.assertEqual((done["accepted"], done["refused"], done["pass"]), (1500, 0, 2))
        self.assertEqual(self.server.max_seq(good), 1350)
        self.assertEqual(self.server.max_seq(banned), 150)
        told = self.assert_error(self.jobs.act(job, "retry"), 409)
        self.assertEqual(told["msg"], "nothing of the job has failed")

    def test_a_time_a_rate_and_a_canary(self):
        group = fresh("g")
        begin = int(time.time()) + 2
        job = self.jobs.make(spread([group], 30), "&not_before=%d&name=later" % begin)
        self.assertEqual(self.jobs.get(job)["state"], "ready")
        self.assertEqual(self.server.max_seq(group), 0)
        done = self.jobs.wait(job)
        self.assertEqual((done["name"], done["not_before"]), ("later", begin))
        self.assertGreaterEqual(done["started_at"], begin)
        group, began = fresh("g"), time.monotonic()
        self.jobs.wait(self.jobs.make(spread([group], 40), "&rate=20"))
        self.assertGreater(time.monotonic() - began, 1.4)
        group = fresh("g")
        job = self.jobs.make(spread([group], 100), "&canary=7%25")
        at = self.jobs.wait(job, ("paused",))
        self.assertEqual((at["accepted"], at["canary"]), (7, 7))
        self.assertIn("canary", at["reason"])
        self.assertEqual(self.server.max_seq(group), 7)
        self.jobs.act(job, "resume")
        self.assertEqual(self.jobs.wait(job)["accepted"], 100)

    def test_a_retry_pauses_behind_the_canary(self):
        good, banned = fresh("g"), fresh("g")
        settings = {"channel_id": banned, "channel_type": GROUP}
        for failed_at in (3, 6):  # in the middle of the canary, and at its last item
            with self.subTest(failed_at=failed_at):
                self.server.must_post("/channel/info", dict(settings, ban=1))
                items = [item(banned if i == failed_at else good, "n") for i in range(20)]
                job = self.jobs.make(items, "&canary=7&on_error=stop")
                at = self.jobs.wait(job)
                self.assertEqual((at["state"], at["accepted"]), ("failed", failed_at))
                self.server.must_post("/channel/info", dict(settings, ban=0))
                self.jobs.act(job, "retry")
                at = self.jobs.wait(job, ENDED + ("paused",))
                self.assertEqual((at["state"], at["accepted"]), ("paused", 7), at)
                self.assertIn("canary", at["reason"])
                self.jobs.act(job, "resume")
                at = self.jobs.wait(job)
                self.assertEqual((at["state"], at["accepted"], at["pass"]), ("done", 20, 2))

    def test_the_rate_is_changed_while_it_runs(self):
        group = fresh("g")
        job = self.jobs.make(spread([group], 3000), "&rate=2")
        self.jobs.wait_for_progress(job)
        changed = self.jobs.act(job, "rate?rate=0").json()
        self.assertNotIn("rate", changed)
        self.assertEqual(self.jobs.wait(job)["accepted"], 3000)
        self.assert_error(self.jobs.act(job, "rate?rate=5"), 409)
        self.assert_error(self.jobs.act(job, "rate"), 400)
        self.assert_once_each(self.server, [group], 3000)

    def test_a_daily_window(self):
        def clock(minutes):
            return time.strftime("%H:%M", time.gmtime(time.time() + 60 * minutes))

        group, later = fresh("g"), fresh("g")
        waits = self.jobs.make([item(later, "a")], "&window=%s-%s" % (clock(60), clock(120)))
        for query in ("&window=%s-%s" % (clock(-60), clock(60)),
                      "&window=%s-%s&time_zone=%%2B01:30" % (clock(60), clock(120))):
            self.assertEqual(self.jobs.wait(self.jobs.make([item(group, "a")], query))["state"],
                             "done")
        at = self.jobs.get(waits)
        self.assertEqual((at["state"], at["window"], at["time_zone"]),
                         ("ready", "%s-%s" % (clock(60), clock(120)), "+00:00"))
        # By its name: this one is half an hour off the others, and the same all the year.
        india = 330
        query = "&window=%s-%s&time_zone=Asia/Kolkata"
        named = self.jobs.make([item(later, "a")], query % (clock(india + 60), clock(india + 120)))
        done = self.jobs.wait(self.jobs.make([item(group, "a")],
                                             query % (clock(india - 60), clock(india + 60))))
        self.assertEqual((done["state"], done["time_zone"]), ("done", "Asia/Kolkata"))
        self.assertEqual(self.jobs.get(named)["state"], "ready")
        self.assertEqual(self.server.max_seq(later), 0)
        for job in (waits, named):
            self.jobs.act(job, "cancel")

    def test_stop_and_too_many_refusals(self):
        good, banned = fresh("g"), fresh("g")
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 1})
        items = [item(good, "a"), item(good, "b"), item(banned, "c"), item(good, "d")]
        at = self.jobs.wait(self.jobs.make(items, "&on_error=stop"))
        self.assertEqual((at["state"], at["accepted"], at["refused"], at["pending"]),
                         ("failed", 2, 1, 1))
        self.assertIn("item 2 was refused", at["reason"])
        self.assertEqual(self.server.max_seq(good), 2)
        items = [item(banned if i % 2 else good, "n%d" % i) for i in range(3000)]
        at = self.jobs.wait(self.jobs.make(items, "&max_refused=0.2"))
        self.assertEqual(at["state"], "failed")
        self.assertIn("max_refused", at["reason"])
        self.assertGreater(at["pending"], 0)

    def test_a_retry_goes_on_when_no_more_is_refused(self):
        group, sender = fresh("g"), fresh("u")
        listed = {"channel_id": group, "channel_type": GROUP, "uids": [sender]}
        self.server.must_post("/channel/blacklist_add", listed)
        # With a rate the retry goes on by a few items at a time.
        for count, query in ((1000, ""), (300, "&rate=100")):
            with self.subTest(query=query):
                items = [item(group, "n%d" % i, from_uid=sender) for i in range(count)]
                job = self.jobs.make(items, "&max_refused=0.05" + query)
                at = self.jobs.wait(job)
                self.assertEqual((at["state"], at["accepted"]), ("failed", 0))
                self.assertIn("max_refused", at["reason"])
                # Not mended: it is judged by what is refused again.
                self.jobs.act(job, "retry")
                at = self.jobs.wait(job)
                self.assertEqual((at["state"], at["accepted"], at["pass"]), ("failed", 0, 2))
                self.server.must_post("/channel/blacklist_remove", listed)
                self.jobs.act(job, "retry")
                at = self.jobs.wait(job)
                self.assertEqual((at["state"], at["accepted"], at["refused"], at["pass"]),
                                 ("done", count, 0, 3), at)
                self.server.must_post("/channel/blacklist_add", listed)
        self.assertEqual(self.server.max_seq(group), 1300)

    def test_bad_requests(self):
        body = [item(fresh("g"), "a")]
        for query in ("async=maybe", "async=1&rate=-1", "async=1&rate=1000001", "rate=5",
                      "async=1&not_before=soon", "async=1&atomic=true", "async=1&dry_run=true",
                      "async=1&ack=received", "async=1&max_refused=2", "async=1&on_error=x",
                      "async=1&window=9-17", "async=1&time_zone=UTC"):
            with self.subTest(query=query):
                self.assert_error(self.server.post("/message/sendbatch?" + query, body), 400)
        for zone, told in (("localtime", "how a machine is set up"),
                           ("shanghai", "did you mean Asia/Shanghai?"),
                           ("../../etc/localtime", "such as Asia/Shanghai")):
            answer = self.server.post(
                "/message/sendbatch?async=1&window=09:00-17:00&time_zone=" + zone, body)
            self.assertIn(told, self.assert_error(answer, 400)["msg"])
        for path in ("/jobs?limit=0x", "/jobs?state=odd", "/jobs?before=1"):
            self.assert_error(self.server.get(path), 400)
        job = self.jobs.make([item(fresh("g"), "a")])
        self.jobs.wait(job)
        for path in ("?status=odd", "?from=-1"):
            self.assert_error(self.server.get("/jobs/%s/results%s" % (job, path)), 400)
        self.assert_error(self.server.post("/jobs/%s/explode" % job), 404)
        self.assert_error(self.server.post("/jobs/" + job), 405)

    def test_chat_goes_on_beside_a_job(self):
        job = self.jobs.make(spread([fresh("g") for _ in range(20)], 20_000))
        group = fresh("g")
        for i in range(50):
            self.assertEqual(self.server.must_batch([item(group, "c")])[0]["message_seq"], i + 1)
        self.assertEqual(self.jobs.wait(job)["accepted"], 20_000)


class Uploads(JobCase):
    config = {"api.streamTimeout": "1s"}

    def test_an_upload_that_stands_still_is_ended_and_told(self):
        group = fresh("g")
        with RawHttp(self.server) as raw:
            data = lines_of([item(group, "a")])
            raw.send(HEAD % "" + "%x\r\n" % len(data))
            raw.send(data + b"\r\n")
            answer = raw.read_response()
        self.assertEqual(answer.status, 400)
        self.assertIn("api.streamTimeout", answer.json()["msg"])
        self.assertEqual(self.server.max_seq(group), 0)


class SmallLimits(JobCase):
    # All jobs are in one partition: what one of them holds the others lack.
    config = {"api.maxBodyBytes": 64 << 10, "jobs.inputBytesMax": 1 << 20, "storage.partitions": 1,
              "api.streamTimeout": "1s"}

    def post(self, items, query=""):
        return self.server.post("/message/sendbatch?async=true" + query, lines_of(items),
                                headers=NDJSON, timeout=60)

    def large(self, group, count):
        """Items of 20 KB."""
        return [item(group, "x" * 20_000) for _ in range(count)]

    def test_a_line_that_is_too_long_is_refused_by_itself(self):
        group = fresh("g")
        long_line = b'{"payload":"' + b"x" * (64 << 10) + b'"}\n'
        good = [item(group, "n0"), item(group, "n1")]
        answer = self.server.post("/message/sendbatch?async=true",
                                  lines_of(good[:1]) + long_line + lines_of(good[1:]),
                                  headers=NDJSON)
        self.assertEqual(answer.status, 202, answer)
        made = answer.json()
        self.assertEqual((made["items"], made["refused"]), (3, 1))
        done = self.jobs.wait(made["id"])
        self.assertEqual((done["accepted"], done["refused"]), (2, 1))
        refused = self.jobs.results(made["id"])[1]
        self.assertEqual((refused["index"], refused["code"]), (1, "too_large"))
        self.assertIn("api.maxBodyBytes", refused["msg"])
        self.assert_once_each(self.server, [group], 2)
        self.server.request("DELETE", "/jobs/" + made["id"])

    def test_a_job_that_is_too_large_sends_nothing(self):
        group = fresh("g")
        name = fresh("large")
        answer = self.post(self.large(group, 60), "&name=" + name)
        told = self.assert_error(answer, 413)
        self.assertEqual(told["code"], "too_large")
        self.assertIn("jobs.inputBytesMax: make several jobs of it", told["msg"])
        found = [job for job in self.server.get("/jobs").json()["jobs"] if job.get("name") == name]
        self.assertEqual([(job["state"], job["accepted"]) for job in found], [("failed", 0)])
        self.assert_error(self.jobs.act(found[0]["id"], "resume"), 409)
        self.assertEqual(self.server.max_seq(group), 0)
        # It holds nothing any more.
        answer = self.post(self.large(group, 40))
        self.assertEqual(answer.status, 202, answer)
        job = answer.json()["id"]
        self.assertEqual(self.jobs.wait(job)["accepted"], 40)
        self.assertEqual(self.server.max_seq(group), 40)
        self.server.request("DELETE", "/jobs/" + job)

    def test_what_other_jobs_hold_is_told_and_given_back(self):
        group, other = fresh("g"), fresh("g")
        answer = self.post(self.large(group, 30), "&not_before=4102444800")
        self.assertEqual(answer.status, 202, answer)
        held = answer.json()["id"]
        answer = self.post(self.large(other, 30))
        told = self.assert_error(answer, 429)
        self.assertEqual(told["code"], "overloaded")
        self.assertIn("jobs.inputBytesMax): delete some that have ended", told["msg"])
        self.assertEqual(self.jobs.get(held)["state"], "ready")
        self.assertEqual((self.server.max_seq(group), self.server.max_seq(other)), (0, 0))
        self.jobs.act(held, "cancel")
        self.server.request("DELETE", "/jobs/" + held)
        answer = self.post(self.large(other, 30))
        self.assertEqual(answer.status, 202, answer)
        job = answer.json()["id"]
        self.assertEqual(self.jobs.wait(job)["accepted"], 30)
        self.server.request("DELETE", "/jobs/" + job)


class Restarts(JobCase):
    config = {"jobs.turnItems": 50}

    def test_kill_in_the_middle(self):
        groups = [fresh("g") for _ in range(4)]
        for group in groups:
            self.server.create_group(group, ["one"])
        job = self.jobs.make(spread(groups, 4000))
        for at in (1, 700, 1500, 2500):
            self.jobs.wait_for_progress(job, at)
            self.server.restart()
        done = self.jobs.wait(job)
        self.assertEqual((done["accepted"], done["duplicate"], done["pending"]), (4000, 0, 0))
        self.assert_once_each(self.server, groups, 4000)
        # What was not told before a kill is missing; nothing is counted twice.
        self.assertLessEqual(done["fanned_out"], 4000)
        self.assertLessEqual(done["left_offline"], 4000)
        results = self.jobs.results(job)
        self.assertEqual([r["message_seq"] for r in results[0::4]], list(range(1, 1001)))

    def test_numbers_of_the_caller(self):
        groups = [fresh("g") for _ in range(2)]
        items = [dict(i, client_msg_no="c%d" % n) for n, i in enumerate(spread(groups, 2000))]
        job = self.jobs.make(items)
        self.jobs.wait_for_progress(job, 300)
        self.server.restart()
        done = self.jobs.wait(job)
        self.assertEqual(done["accepted"] + done["duplicate"], 2000)
        self.assert_once_each(self.server, groups, 2000)
        # Again as another job: nothing is sent.
        done = self.jobs.wait(self.jobs.make(items))
        self.assertEqual((done["accepted"], done["duplicate"]), (0, 2000))

    def test_a_stop_ends_cleanly_and_it_goes_on(self):
        groups = [fresh("g") for _ in range(2)]
        job = self.jobs.make(spread(groups, 2000), "&rate=1500")
        self.jobs.wait_for_progress(job, 100)
        self.server.restart(graceful=True)
        done = self.jobs.wait(job)
        self.assertEqual((done["accepted"], done["duplicate"]), (2000, 0))
        self.assert_once_each(self.server, groups, 2000)
        # A stop tells what was counted.
        self.assertEqual(self.jobs.wait_for_counts(job, 2000)["fanned_out"], 2000)

    def test_a_paused_job_stays_paused(self):
        group = fresh("g")
        job = self.jobs.make(spread([group], 2000), "&rate=500")
        self.jobs.wait_for_progress(job)
        self.jobs.act(job, "pause")
        self.server.restart()
        time.sleep(0.5)
        self.assertEqual(self.jobs.get(job)["state"], "paused")
        self.jobs.act(job, "resume")
        self.assertEqual(self.jobs.wait(job)["accepted"], 2000)
        self.assert_once_each(self.server, [group], 2000)

    def test_a_kill_during_an_upload_starts_nothing(self):
        group = fresh("g")
        data = lines_of(spread([group], 5000))
        with RawHttp(self.server) as raw:
            raw.send(HEAD % "&name=cut")
            raw.send(b"%x\r\n%s\r\n" % (len(data), data))

            def uploading():
                jobs = self.server.get("/jobs?state=uploading").json()["jobs"]
                return next((j for j in jobs if j.get("name") == "cut" and j["items"] > 0), None)

            job = wait_until(uploading, what="the upload")["id"]
            self.server.restart()
        self.assertEqual(self.jobs.get(job)["state"], "uploading")
        self.assertEqual(self.jobs.act(job, "cancel").json()["state"], "cancelled")
        self.assertEqual(self.server.request("DELETE", "/jobs/" + job).status, 200)
        self.assertEqual(self.server.max_seq(group), 0)


class Stop(unittest.TestCase):
    def test_an_upload_is_told_that_the_server_stops(self):
        with Server() as server:
            with RawHttp(server) as raw:
                data = lines_of([item("g", "a")])
                raw.send(HEAD % "")
                raw.send(b"%x\r\n%s\r\n" % (len(data), data))
                wait_until(lambda: server.get("/jobs").json()["jobs"], what="the job")
                stopper = threading.Thread(target=server.stop)
                stopper.start()
                answer = raw.read_response()
                stopper.join()
            self.assertEqual(answer.status, 503, answer)
            self.assertIn("stopping", answer.json()["msg"])
            server.start()
            job, = server.get("/jobs").json()["jobs"]
            self.assertEqual(job["state"], "failed")


if __name__ == "__main__":
    unittest.main()
