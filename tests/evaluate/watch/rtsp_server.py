"""An RTSP server on loopback that plays a video to everyone who asks: GStreamer's, by Debian's own Python.

python3 rtsp_server.py VIDEO PORT LOSS, where LOSS is the share of the pictures' packets that get lost.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

USER, PASSWORD = "user", "s3cret"

video, port, loss = sys.argv[1:4]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_service(port)
server.set_address("127.0.0.1")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( filesrc location={video} ! qtdemux name=file "
    f"file. ! queue ! h264parse config-interval=1 ! rtph264pay pt=96 ! identity name=pay0 drop-probability={loss} "
    "file. ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97 )"
)
auth = GstRtspServer.RTSPAuth()
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", USER)
auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USER, PASSWORD), token)
server.set_auth(auth)
permissions = GstRtspServer.RTSPPermissions()
permissions.add_permission_for_role(USER, "media.factory.access", True)
permissions.add_permission_for_role(USER, "media.factory.construct", True)
factory.set_permissions(permissions)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
