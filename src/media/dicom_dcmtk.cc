// dicom_dcmtk.cc - libkarma-dicom.so: DCMTK takes a checked file apart and decodes one frame; see
// dicom_codec.h. The one C++ file of the house: what can be said in C is in dicom.c. DCMTK's log is
// switched off, for its lines carry values of elements.
#include "media/dicom_codec.h"

#include <new>
#include <string>
#include <vector>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmimage/diregist.h>
#include <dcmtk/dcmimgle/dcmimage.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

namespace {

// Once a process: constructed by the first thread that comes, which others wait for.
class Library {
  public:
    Library() {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        DJDecoderRegistration::registerCodecs();
        DJLSDecoderRegistration::registerCodecs();
    }
    ~Library() {
        DJLSDecoderRegistration::cleanup();
        DJDecoderRegistration::cleanup();
    }
    Library(const Library &) = delete;
    Library &operator=(const Library &) = delete;
};

struct Failure {
    dicom_result result;
    const char *text;
};

struct Lut {
    std::vector<Uint16> values;
    Sint32 first = 0;
    int bits = 0;
};

// A number that may be US or SS.
bool integer(DcmItem &item, const DcmTagKey &tag, Sint32 &out, unsigned long at = 0) {
    DcmElement *e = nullptr;
    if (item.findAndGetElement(tag, e).bad() || !e) return false;
    Uint16 u = 0;
    Sint16 s = 0;
    if (e->ident() == EVR_SS && e->getSint16(s, at).good()) {
        out = s;
        return true;
    }
    if (e->getUint16(u, at).bad()) return false;
    out = u;
    return true;
}

Sint32 needInteger(DcmItem &item, const DcmTagKey &tag, const char *text) {
    Sint32 v = 0;
    if (!integer(item, tag, v)) throw Failure{DICOM_BROKEN, text};
    return v;
}

bool item(DcmItem &in, const DcmTagKey &sequence, DcmItem *&out, long at = 0) {
    out = nullptr;
    return in.findAndGetSequenceItem(sequence, out, at).good() && out;
}

// Where a frame's own values stand: with the frame, with all frames, or in the file itself.
DcmItem &groupOf(DcmItem &data, const DcmTagKey &macro, long frame) {
    DcmItem *group = nullptr, *found = nullptr;
    if (item(data, DCM_PerFrameFunctionalGroupsSequence, group, frame) &&
        item(*group, macro, found))
        return *found;
    if (item(data, DCM_SharedFunctionalGroupsSequence, group) && item(*group, macro, found))
        return *found;
    return data;
}

void readLut(DcmItem &in, const DcmTagKey &sequence, Lut &lut) {
    DcmItem *table = nullptr;
    const Uint16 *data = nullptr;
    unsigned long n = 0;
    Sint32 count = 0, bits = 0;
    if (!item(in, sequence, table)) return;
    if (!integer(*table, DCM_LUTDescriptor, count, 0) ||
        !integer(*table, DCM_LUTDescriptor, lut.first, 1) ||
        !integer(*table, DCM_LUTDescriptor, bits, 2) ||
        table->findAndGetUint16Array(DCM_LUTData, data, &n).bad() || !data)
        throw Failure{DICOM_BROKEN, "a lookup table is incomplete"};
    count &= 0xffff; // read as signed, the largest counts are negative
    if (count == 0) count = 65536;
    const unsigned long wanted = static_cast<unsigned long>(count);
    if (bits < 8 || bits > 16) throw Failure{DICOM_BROKEN, "a lookup table has no 8 to 16 bits"};
    if (n >= wanted) {
        lut.values.assign(data, data + wanted);
    } else if (bits == 8 && 2 * n >= wanted) { // two to a word, the first in its low byte
        lut.values.resize(wanted);
        for (unsigned long i = 0; i < wanted; i++)
            lut.values[i] = static_cast<Uint16>(data[i / 2] >> (i % 2 * 8) & 0xff);
    } else {
        throw Failure{DICOM_BROKEN, "a lookup table is shorter than it says"};
    }
    lut.bits = static_cast<int>(bits);
}

dicom_lut lend(const Lut &lut) {
    if (lut.values.empty()) return dicom_lut{nullptr, 0, 0, 0};
    return dicom_lut{lut.values.data(), static_cast<uint32_t>(lut.values.size()), lut.first,
                     lut.bits};
}

dicom_voi functionOf(DcmItem &window) {
    OFString name;
    if (window.findAndGetOFString(DCM_VOILUTFunction, name).bad() || name.empty() ||
        name == "LINEAR")
        return DICOM_VOI_LINEAR;
    if (name == "LINEAR_EXACT") return DICOM_VOI_LINEAR_EXACT;
    if (name == "SIGMOID") return DICOM_VOI_SIGMOID;
    throw Failure{DICOM_NOT_SUPPORTED, "this VOI LUT function"};
}

void readWindow(DcmItem &in, dicom_frame &out) {
    Float64 center = 0, width = 0;
    out.function = functionOf(in);
    if (in.findAndGetFloat64(DCM_WindowCenter, center, 0).bad() ||
        in.findAndGetFloat64(DCM_WindowWidth, width, 0).bad())
        return;
    out.has_window = true;
    out.window_center = center;
    out.window_width = width;
}

DcmPixelData &pixelsOf(DcmItem &data) {
    DcmElement *e = nullptr;
    DcmPixelData *pixels = nullptr;
    if (data.findAndGetElement(DCM_PixelData, e).good()) pixels = dynamic_cast<DcmPixelData *>(e);
    if (!pixels) throw Failure{DICOM_BROKEN, "its pixels cannot be read"};
    return *pixels;
}

[[noreturn]] void cannotDecode() {
    throw Failure{DICOM_BROKEN, "its pixels are broken"};
}

// Grey goes out as it is stored: scaling it is dicom.c's matter, in double.
void decodeGrey(DcmItem &data, dicom_request &q) {
    dicom_frame f = {};
    Lut modality, voi;
    OFString photometric, model;
    Sint32 is_signed = 0, first = 0, last = 0;
    f.bits_allocated = needInteger(data, DCM_BitsAllocated, "no bits allocated");
    f.bits_stored = needInteger(data, DCM_BitsStored, "no bits stored");
    if (!integer(data, DCM_HighBit, f.high_bit)) f.high_bit = f.bits_stored - 1;
    f.is_signed = integer(data, DCM_PixelRepresentation, is_signed) && is_signed == 1;
    data.findAndGetOFString(DCM_PhotometricInterpretation, photometric);
    f.inverted = photometric == "MONOCHROME1";

    f.slope = 1;
    DcmItem &scale = groupOf(data, DCM_PixelValueTransformationSequence, q.frame);
    readLut(data, DCM_ModalityLUTSequence, modality);
    Float64 slope = 0, intercept = 0;
    if (scale.findAndGetFloat64(DCM_RescaleSlope, slope).good()) f.slope = slope;
    if (scale.findAndGetFloat64(DCM_RescaleIntercept, intercept).good()) f.intercept = intercept;
    readWindow(groupOf(data, DCM_FrameVOILUTSequence, q.frame), f);
    readLut(data, DCM_VOILUTSequence, voi);
    f.modality = lend(modality);
    f.voi = lend(voi);
    if (integer(data, DCM_PixelPaddingValue, first)) {
        if (!integer(data, DCM_PixelPaddingRangeLimit, last)) last = first;
        f.has_padding = true;
        f.padding_first = first < last ? first : last;
        f.padding_last = first < last ? last : first;
    }

    const size_t count = static_cast<size_t>(q.width) * static_cast<size_t>(q.height);
    const size_t bytes = count * static_cast<size_t>(f.bits_allocated / 8);
    std::vector<Uint16> frame(q.plain ? 1
                                      : (bytes + 1) / 2 + 1); // DCMTK fills up to an even number
    Uint32 fragment = 0;
    if (q.plain && q.plain_bytes < bytes) cannotDecode();
    if (!q.plain &&
        pixelsOf(data)
            .getUncompressedFrame(&data, static_cast<Uint32>(q.frame), fragment, frame.data(),
                                  static_cast<Uint32>(frame.size() * 2), model)
            .bad())
        cannotDecode();
    f.pixels = q.plain ? q.plain : frame.data();
    if (q.sink(q.user, &f) < 0) throw Failure{DICOM_SINK_FAILED, nullptr};
}

// Makes the frame that was decoded already the data set's only one.
void insertPixels(DcmItem &data, const dicom_request &q) {
    const bool wide = needInteger(data, DCM_BitsAllocated, "no bits allocated") == 16;
    data.findAndDeleteElement(DCM_NumberOfFrames);
    OFCondition done =
        wide ? data.putAndInsertUint16Array(DcmTag(DCM_PixelData),
                                            static_cast<const Uint16 *>(q.plain), q.plain_bytes / 2)
             : data.putAndInsertUint8Array(DcmTag(DCM_PixelData),
                                           static_cast<const Uint8 *>(q.plain), q.plain_bytes);
    if (done.good() && q.samples == 3) done = data.putAndInsertUint16(DCM_PlanarConfiguration, 0);
    if (done.bad()) throw std::bad_alloc();
}

void decodeColour(DcmItem &data, E_TransferSyntax syntax, dicom_request &q) {
    if (q.plain) insertPixels(data, q);
    DicomImage image(&data, syntax, CIF_UsePartialAccessToPixelData,
                     q.plain ? 0 : static_cast<unsigned long>(q.frame), 1);
    if (image.getStatus() != EIS_Normal) cannotDecode();
    const size_t bytes = static_cast<size_t>(q.width) * static_cast<size_t>(q.height) * 3;
    if (image.isMonochrome() || image.getWidth() != static_cast<unsigned long>(q.width) ||
        image.getHeight() != static_cast<unsigned long>(q.height))
        cannotDecode();
    std::vector<Uint8> rgb(bytes);
    if (!image.getOutputData(rgb.data(), bytes, 8, 0, 0)) cannotDecode();
    dicom_frame f = {};
    f.colour = true;
    f.pixels = rgb.data();
    if (q.sink(q.user, &f) < 0) throw Failure{DICOM_SINK_FAILED, nullptr};
}

void decode(dicom_request &q) {
    static Library library;
    if (!dcmDataDict.isDictionaryLoaded())
        throw Failure{DICOM_FAILED, "DCMTK does not find its dictionary"};
    DcmInputBufferStream stream;
    DcmFileFormat file;
    stream.setBuffer(q.bytes, static_cast<offile_off_t>(q.size));
    stream.setEos();
    file.transferInit();
    const OFCondition read = file.read(stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
    file.transferEnd();
    if (read.bad() || !file.getDataset()) throw Failure{DICOM_BROKEN, "its elements are broken"};
    DcmDataset &data = *file.getDataset();

    Sint32 frames = 1, rows = 0, columns = 0, samples = 0;
    data.findAndGetSint32(DCM_NumberOfFrames, frames);
    if (!integer(data, DCM_Rows, rows) || !integer(data, DCM_Columns, columns) ||
        !integer(data, DCM_SamplesPerPixel, samples) || rows != q.height || columns != q.width ||
        samples != q.samples || (frames != q.frames && q.frames > 1))
        throw Failure{DICOM_BROKEN, "its sizes are given twice"};
    OFString photometric;
    data.findAndGetOFString(DCM_PhotometricInterpretation, photometric);
    if (photometric == "MONOCHROME1" || photometric == "MONOCHROME2")
        decodeGrey(data, q);
    else
        decodeColour(data, data.getOriginalXfer(), q);
}

dicom_result decodeSafely(dicom_request *q) noexcept {
    q->error = nullptr;
    try {
        decode(*q);
        return DICOM_OK;
    } catch (const Failure &f) {
        q->error = f.text;
        return f.result;
    } catch (const std::bad_alloc &) {
        return DICOM_NO_MEMORY;
    } catch (...) {
        q->error = "an unknown failure in DCMTK";
        return DICOM_FAILED;
    }
}

} // namespace

extern "C" __attribute__((visibility("default")))
const struct dicom_codec karma_dicom_codec = {DICOM_CODEC_ABI, decodeSafely};
